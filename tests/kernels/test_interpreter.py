"""kernels/interpreter.py makes Triton's interpreter faster, and has it check integers."""

import operator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton.language.semantic import TritonSemantic
from triton.runtime.errors import InterpreterError
from triton.runtime.interpreter import TensorHandle, interpreter_builder, interpreter_semantic

from mime_fast.kernels.interpreter import check_overflow
from tests.kernels.tensors import ON_GPU

pytestmark = pytest.mark.skipif(ON_GPU, reason="no kernel is interpreted")
LARGEST = 2**31 - 1


@triton.jit  # type: ignore[untyped-decorator]
def plus(left: Any, right: Any) -> Any:
    return left + right


@triton.jit  # type: ignore[untyped-decorator]
def compute_kernel(out: Any, left: Any, right: Any, name: tl.constexpr) -> None:
    if name == "add":
        tl.store(out, plus(left, right))
    elif name == "sub":
        tl.store(out, left - right)
    else:
        tl.store(out, left * right)


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [("add", LARGEST - 1, 1), ("sub", -LARGEST, 1), ("mul", 2**30 - 1, 2)],
)
def test_integers_that_do_not_fit_are_an_error(name: str, left: int, right: int) -> None:
    out = torch.zeros(1, dtype=torch.int32)
    compute_kernel[(1,)](out, left, right, name)
    assert out.item() == {"add": left + right, "sub": left - right, "mul": left * right}[name]
    with pytest.raises(InterpreterError, match=f"int32 overflow detected for operation {name}"):
        compute_kernel[(1,)](out, left, right + 1, name)
    assert tl.core.is_builtin(tl.load)  # the language is put back


@pytest.mark.parametrize("name", ["add", "sub", "mul"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32"])
def test_blocks_are_checked_as_triton_does_when_it_debugs(
    monkeypatch: pytest.MonkeyPatch, dtype: str, name: str
) -> None:
    options = replace(interpreter_builder.options, debug=True)
    monkeypatch.setattr(interpreter_builder, "options", options)
    limits, draw = np.iinfo(dtype), np.random.default_rng(0)
    edges = [limits.min, limits.max, 0, 1, 2]
    seen = set()
    for number in range(60):
        bits = number % limits.bits
        values = draw.integers(limits.min >> bits, limits.max >> bits, (2, 4), endpoint=True)
        if number % 3 == 0:
            values[draw.integers(2), 0] = draw.choice(edges)
        operands = [block(row.astype(dtype), dtype) for row in values]
        found = [fits(check_overflow, operands, name), fits(slow_check, operands, name)]
        assert found[0] == found[1], (values, name)
        exact = getattr(operator, name)(*values.astype(object))
        assert found[0] == all(limits.min <= value <= limits.max for value in exact)
        seen.add(found[0])
    assert seen == {True, False}


def block(values: Any, dtype: str) -> tl.tensor:
    element = getattr(tl, dtype)
    return tl.tensor(TensorHandle(values, element), tl.block_type(element, [len(values)]))


def slow_check(left: tl.tensor, right: tl.tensor, operation: Any) -> None:
    """What check_overflow replaces."""
    TritonSemantic.binary_op_sanitize_overflow_impl(interpreter_semantic, left, right, operation)


def fits(check: Any, operands: list[tl.tensor], name: str) -> bool:
    try:
        check(*operands, getattr(interpreter_semantic, name))
    except AssertionError:
        return False
    return True
