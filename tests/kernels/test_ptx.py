"""Counts in compiled code, on code whose counts are known."""

from mime_fast.kernels.ptx import Counted, count

PTX = """
.visible .entry k_kernel(
	ld.param.b64 	%rd1, [k_kernel_param_0];
	ld.param.b64 	%rd2, [k_kernel_param_1];
	mad.wide.u32 	%rd3, %r1, 4, %rd1;
	mad.wide.u32 	%rd4, %r1, 4, %rd2;
	shfl.sync.bfly.b32 	%r9, %r8, 16, 31, -1;
	mov.b64 	%rd6, %rd2;
$L__BB0_2:                              // =>This Loop Header
	@%p1 ld.global.v4.b32 { %r1, %r2, %r3, %r4 }, [ %rd3 + 0 ];
	@!%p2 ld.global.b32 { %r1 }, [ %rd4 + 0 ];
	cp.async.ca.shared.global [ %r5 + 0 ], [ %rd5 + 0 ], 0x8, %r6;
	ld.global.b64 	%rd7, [%rd6];
	ld.global.b16 	%rs1, [%rd7];
	add.s64 	%rd5, %rd3, 64;
$L__BB0_3:
	shfl.sync.bfly.b32 	%r9, %r8, 16, 31, -1;
	bar.sync 	0;
	@%p4 bra 	$L__BB0_3;
	bar.sync 	0;
	bra.uni 	$L__BB0_2;
	bar.sync 	0;
	@%p5 bra 	$L__BB0_4;
$L__BB0_4:
	ret;
"""


def test_loads_are_those_of_weights() -> None:
    """Also where the address is computed further below; not by an address that was loaded."""
    assert count(PTX, frozenset({0})) == Counted(8, 2, 1, 2)
    assert count(PTX, frozenset({1})) == Counted(4, 2, 1, 2)
    assert count(PTX, frozenset()) == Counted(0, 0, 1, 2)
