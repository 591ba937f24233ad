"""Everything that only a GPU can show, in one command: make gpu.

Builds the extension and a C++ test for CUDA, runs that test (under compute-sanitizer too, where it
is installed), the kernels' and the engine's tests, and the timed suite. A step that fails does not
stop those that can do without it; the exit status says whether one did.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.gpu.processes import PYTEST, ROOT, run_limited, variables

SECONDS = 520.0  # of everything; a step gets what is left, if that is less than its own limit
BUILD = ROOT / "build" / "gpu"
TEST = BUILD / "tests" / "csrc" / "cpp" / "gpu_device_search"
SANITIZED_CASES = "12"  # of the C++ test: a sanitizer makes it some hundred times slower


def find_gpu() -> str:
    """Its name; exits with a sentence if there is none."""
    try:
        import torch  # noqa: PLC0415 - its absence is what is asked
        import triton  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        sys.exit(f"make gpu needs torch and triton, and {sys.executable} has no {error.name}")
    if not torch.cuda.is_available():
        sys.exit(
            "make gpu needs an NVIDIA GPU, and torch finds none it can use "
            f"(torch {torch.__version__}, {sys.executable})"
        )
    return str(torch.cuda.get_device_name(0))


@dataclass
class Steps:
    """What was run, how long it took, and whether it passed."""

    started: float = field(default_factory=time.monotonic)
    lines: list[str] = field(default_factory=list)
    failed: bool = False

    def left(self) -> float:
        """Seconds."""
        return SECONDS - (time.monotonic() - self.started)

    def run(self, name: str, limit: float, action: Callable[[float], int]) -> bool:
        """Whether it passed; action: seconds -> exit status."""
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        status = action(max(1.0, min(limit, self.left())))
        said = "passed" if status == 0 else f"FAILED ({status})"
        self._note(f"{name:40} {time.monotonic() - began:6.1f} s  {said}", passed=status == 0)
        return status == 0

    def skip(self, name: str, reason: str, *, passed: bool) -> None:
        """It was not run; passed: which is no failure."""
        self._note(f"{name:40}    -      skipped: {reason}", passed=passed)

    def _note(self, line: str, *, passed: bool) -> None:
        self.lines.append(line)
        self.failed = self.failed or not passed
        print(line, flush=True)


def command(*arguments: str, **more: str) -> Callable[[float], int]:
    """An action; more: environment variables."""
    environment = variables("cuda") | more
    return lambda seconds: run_limited(list(arguments), seconds, environment)


def build(steps: Steps) -> tuple[bool, bool]:
    """The extension in place, and of the same objects the C++ test; whether each was built."""
    flags = f"{os.environ.get('CMAKE_ARGS', '')} -DMIME_FAST_CUDA=ON -DMIME_FAST_TESTS=ON"
    setup = (sys.executable, "setup.py", "build_ext", "--inplace", "--build-temp", str(BUILD))
    if not steps.run("build the extension", 180, command(*setup, CMAKE_ARGS=flags.strip())):
        return False, False
    target = ("cmake", "--build", str(BUILD), "--target", TEST.name, "--parallel")
    return True, steps.run("build the C++ test", 90, command(*target))


def run_search(steps: Steps, *, built: bool) -> None:
    """The searches on the device, in C++."""
    if not built:
        steps.skip("C++ test on the GPU", "it was not built", passed=False)
        return
    steps.run("C++ test on the GPU", 60, command(str(TEST)))
    sanitizer = shutil.which("compute-sanitizer")
    for tool in ("memcheck", "racecheck"):
        name = f"C++ test under {tool}"
        if sanitizer is None:
            steps.skip(name, "compute-sanitizer is not on the PATH", passed=True)
            continue
        checked = (sanitizer, "--tool", tool, "--error-exitcode", "3", str(TEST), SANITIZED_CASES)
        steps.run(name, 60, command(*checked))


def measure(steps: Steps) -> str:
    """The timed suite, and its table."""
    from benchmarks.gpu.run import run_suite  # noqa: PLC0415 - it needs the extension

    tables = []

    def action(seconds: float) -> int:
        status, table = run_suite("cuda", seconds=seconds)
        tables.append(table)
        return status

    steps.run("benchmarks", 300, action)
    return "".join(tables)


def main() -> None:
    """See the module."""
    print(f"GPU: {find_gpu()}")
    steps = Steps()
    table = "nothing was measured: the extension was not built"
    has_extension, has_test = build(steps)
    if has_extension:
        run_search(steps, built=has_test)
        # Compiling is most of it. test_compile.py needs no GPU, and has been run elsewhere.
        kernels = ("tests/kernels", "--ignore=tests/kernels/test_compile.py")
        steps.run("tests of the kernels", 150, command(*PYTEST, *kernels))
        steps.run("tests of the engine", 150, command(*PYTEST, "tests/gpu"))
        table = measure(steps)
    print("\n" + "\n".join(steps.lines))
    print(f"{'all':40} {SECONDS - steps.left():6.1f} s  {'FAILED' if steps.failed else 'passed'}")
    print(f"\n{table}")
    sys.exit(steps.failed)


if __name__ == "__main__":
    main()
