"""What `make gpu` runs, in its order: what teaches most comes first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.gpu.bare_package import ROOT

HERE = Path(__file__).resolve().parent
OPS = (
    *("embed", "layer_norm", "linear", "attention", "emotions", "fusion"),
    *("decode_step", "groups", "project"),
)
BASE_OPS = ("base_linear", "base_emotions", "base_step")  # the forms that mime-base adds
CHECKS = ("greedy", "beams", "sampled", "drafts")  # of the engine, see check_engine.py
HEADLINES = ("test_replies.py", "test_steps.py")
BASE_HEADLINES = ("test_base.py",)
PEERS = ("test_peers.py", "test_text.py", "test_cold.py", "test_compiled.py", "test_base_peers.py")
PATIENCE = 8  # how much longer an item may take where kernels are interpreted
SWEEPS = ("test_sweeps.py", "test_searches.py")


@dataclass(frozen=True)
class Item:
    """A process of its own."""

    name: str
    arguments: tuple[str, ...]  # of benchmarks.gpu.item; or a program with its own
    limit: float  # seconds
    built: bool = True  # whether it needs the extension
    together: bool = False  # whether it may run beside its neighbours: it times nothing
    program: bool = False


def first_part() -> list[Item]:
    """Is each kernel right, how long does it take, does the engine work, what are its times.

    mime-small first, then mime-base.
    """
    return [
        Item("environment", ("environment",), 40, built=False),
        *(
            Item(f"check {op}", ("check_kernel", op), 20, built=False, together=True)
            for op in (*OPS, *BASE_OPS)
        ),
        Item("limits of the GPU", ("limits",), 20, built=False),
        *_timed(OPS),
        *_checked(CHECKS),
        *_measured(HEADLINES),
        Item("trace", ("trace",), 30),
        *_checked(tuple(f"base_{check}" for check in CHECKS)),
        *_measured(BASE_HEADLINES),
        *_timed(BASE_OPS),
    ]


def _timed(ops: tuple[str, ...]) -> Iterator[Item]:
    for op in ops:
        yield Item(f"time {op}", ("time_kernel", op), 20, built=False)


def _checked(checks: tuple[str, ...]) -> Iterator[Item]:
    for check in checks:
        yield Item(f"engine, {check}", ("check_engine", check), 30)


def _measured(suites: tuple[str, ...]) -> Iterator[Item]:
    for suite in suites:
        yield from items_of(HERE / suite, 40)


def second_part(sanitizer: str | None, program: Path) -> list[Item]:
    """Peers, suites, sanitizers, sweeps. program: the C++ test of the searches."""
    return [
        *(item for suite in PEERS for item in items_of(HERE / suite, 60)),
        Item("C++ test", (str(program),), 60, together=True, program=True),
        *_suites(),
        *_sanitized(sanitizer, program),
        *(item for suite in SWEEPS for item in items_of(HERE / suite, 60)),
    ]


QUICK = (
    *("environment", "check layer_norm", "limits of the GPU", "time embed", "engine, greedy"),
    *("replies: greedy", "base: base greedy", "trace", "encoder_kernels: embed"),
)


def rehearsal(items: list[Item], *, quick: bool) -> list[Item]:
    """Those that need no GPU, with more time; quick: one of each kind.

    `make test` runs the tests of the kernels.
    """
    kernels = [item for item in items if item.arguments[-1].startswith("tests/kernels")]
    return [
        replace(item, limit=PATIENCE * item.limit)
        for item in items
        if item.name in QUICK or not (quick or item.program or item in kernels)
    ]


def items_of(path: Path, limit: float, *, together: bool = False) -> list[Item]:
    """An item for each test function of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    where = path.relative_to(ROOT)
    return [
        Item(
            f"{path.stem.removeprefix('test_')}: {name.removeprefix('test_').replace('_', ' ')}",
            ("pytest", f"{where}::{name}"),
            limit,
            together=together,
        )
        for name in names
    ]


def _suites() -> Iterator[Item]:
    """tests/kernels, of which test_compile.py and the like need no GPU; tests/gpu."""
    kernels = ("test_encoder_kernels.py", "test_decoder_kernels.py", "test_groups.py")
    for name in kernels:
        yield from items_of(ROOT / "tests" / "kernels" / name, 90, together=True)
    for path in sorted((ROOT / "tests" / "gpu").glob("test_*.py")):
        yield from items_of(path, 90, together=True)


def _sanitized(sanitizer: str | None, program: Path) -> Iterator[Item]:
    """A sanitizer makes the C++ test some hundred times slower: it gets few cases."""
    for tool in ("memcheck", "racecheck") if sanitizer else ():
        command = (str(sanitizer), "--tool", tool, "--error-exitcode", "3", str(program), "12")
        yield Item(f"C++ test, {tool}", command, 120, together=True, program=True)
