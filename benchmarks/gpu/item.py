"""The process of one item of `make gpu`: loads torch, waits for its turn, and runs.

python -m benchmarks.gpu.item KIND ARGUMENTS ...      the turn is a line of stdin

Several processes load torch side by side, which takes seconds; then one after the other has the
GPU. Nothing of CUDA is started before the turn.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

DEVICE = os.environ.get("MIME_FAST_GPU_DEVICE", "cuda")


def main(kind: str, *arguments: str) -> None:
    """Run one item; the exit status says whether it passed."""
    import torch  # noqa: F401, PLC0415 - before the turn
    import triton  # noqa: F401, PLC0415

    sys.stdin.readline()
    sys.exit(KINDS[kind](arguments))


def _environment(_: Sequence[str]) -> int:
    from benchmarks.gpu.environment import main as run  # noqa: PLC0415

    return run(DEVICE)


def _check_kernel(arguments: Sequence[str]) -> int:
    _prepare_bare()
    from benchmarks.gpu.check_kernel import main as run  # noqa: PLC0415

    return run(arguments[0], DEVICE)


def _limits(_: Sequence[str]) -> int:
    _prepare_bare()
    from benchmarks.gpu.floors import main as run  # noqa: PLC0415

    return run(DEVICE)


def _time_kernel(arguments: Sequence[str]) -> int:
    _prepare_bare()
    from benchmarks.gpu.time_kernel import main as run  # noqa: PLC0415

    return run(arguments[0], DEVICE)


def _check_engine(arguments: Sequence[str]) -> int:
    from benchmarks.gpu.check_engine import main as run  # noqa: PLC0415

    return run(arguments[0], DEVICE)


def _trace(_: Sequence[str]) -> int:
    from benchmarks.gpu.trace import main as run  # noqa: PLC0415

    return run(DEVICE)


def _pytest(arguments: Sequence[str]) -> int:
    import pytest  # noqa: PLC0415

    from benchmarks.gpu.measured import rows_path  # noqa: PLC0415
    from benchmarks.gpu.processes import PYTEST_ARGUMENTS  # noqa: PLC0415

    # pytest knows the options of benchmarks/conftest.py only for paths below it.
    timed = ["--device", DEVICE, "--rows", str(rows_path())]
    more = timed if arguments[0].startswith("benchmarks/") else []
    return int(pytest.main([*PYTEST_ARGUMENTS, *arguments, *more]))


def _prepare_bare() -> None:
    from benchmarks.gpu.bare_package import skip_extension_check  # noqa: PLC0415

    skip_extension_check()


KINDS: dict[str, Callable[[Sequence[str]], int]] = {
    "environment": _environment,
    "check_kernel": _check_kernel,
    "limits": _limits,
    "time_kernel": _time_kernel,
    "check_engine": _check_engine,
    "trace": _trace,
    "pytest": _pytest,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
