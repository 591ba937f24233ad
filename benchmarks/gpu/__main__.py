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
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO

from benchmarks.gpu.processes import PYTEST, ROOT, run_limited, variables

Command = list[str]
Action = Callable[[float], int]  # seconds that it may take -> exit status

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

    def run(self, name: str, limit: float, action: Action) -> bool:
        """Whether it passed."""
        print(f"\n== {name}", flush=True)
        return self._note_result(name, *self._time(limit, action))

    def run_together(self, jobs: Mapping[str, tuple[float, Command]]) -> None:
        """At the same time, each with its limit; what each prints is shown when all are done."""
        with ExitStack() as stack, ThreadPoolExecutor(len(jobs)) as pool:
            outputs = {name: stack.enter_context(TemporaryFile("w+")) for name in jobs}
            running = {
                name: pool.submit(self._time, limit, as_action(command, outputs[name]))
                for name, (limit, command) in jobs.items()
            }
            for name, result in running.items():
                timed = result.result()
                outputs[name].seek(0)
                print(f"\n== {name}\n{outputs[name].read()}", flush=True)
                self._note_result(name, *timed)

    def _time(self, limit: float, action: Action) -> tuple[int, float]:
        began = time.monotonic()
        status = action(max(1.0, min(limit, self.left())))
        return status, time.monotonic() - began

    def _note_result(self, name: str, status: int, seconds: float) -> bool:
        outcome = "passed" if status == 0 else f"FAILED ({status})"
        self._note(f"{name:40} {seconds:6.1f} s  {outcome}", passed=status == 0)
        return status == 0

    def skip(self, name: str, reason: str, *, passed: bool) -> None:
        """It was not run; passed: which is no failure."""
        self._note(f"{name:40}    -      skipped: {reason}", passed=passed)

    def _note(self, line: str, *, passed: bool) -> None:
        self.lines.append(line)
        self.failed = self.failed or not passed
        print(line, flush=True)


def as_action(command: Command, output: IO[str] | None = None, **more: str) -> Action:
    """Run it; more: environment variables."""
    environment = variables("cuda") | more
    return lambda seconds: run_limited(command, seconds, environment, output)


def build(steps: Steps) -> tuple[bool, bool]:
    """The extension in place, and of the same objects the C++ test; whether each was built."""
    flags = f"{os.environ.get('CMAKE_ARGS', '')} -DMIME_FAST_CUDA=ON -DMIME_FAST_TESTS=ON"
    setup = [sys.executable, "setup.py", "build_ext", "--inplace", "--build-temp", str(BUILD)]
    if not steps.run("build the extension", 240, as_action(setup, CMAKE_ARGS=flags.strip())):
        return False, False
    target = ["cmake", "--build", str(BUILD), "--target", TEST.name, "--parallel"]
    return True, steps.run("build the C++ test", 90, as_action(target))


def prove(steps: Steps, *, has_test: bool) -> None:
    """All tests at once: compiling kernels is most of them, and takes the host's time."""
    # test_compile.py needs no GPU, and has been run elsewhere.
    kernels = [*PYTEST, "tests/kernels", "--ignore=tests/kernels/test_compile.py"]
    jobs = {
        "tests of the kernels": (200.0, kernels),
        "tests of the engine": (240.0, [*PYTEST, "tests/gpu"]),
    }
    sanitizer = shutil.which("compute-sanitizer")
    if has_test:
        jobs["C++ test on the GPU"] = 120.0, [str(TEST)]
    else:
        steps.skip("C++ test on the GPU", "it was not built", passed=False)
    for tool in ("memcheck", "racecheck") if has_test else ():
        name = f"C++ test under {tool}"
        if sanitizer is None:
            steps.skip(name, "compute-sanitizer is not on the PATH", passed=True)
            continue
        checks = [sanitizer, "--tool", tool, "--error-exitcode", "3"]
        jobs[name] = 120.0, [*checks, str(TEST), SANITIZED_CASES]
    steps.run_together(jobs)


def measure(steps: Steps) -> str:
    """The timed suite, and its table."""
    from benchmarks.gpu.run import run_suite  # noqa: PLC0415 - it needs the extension

    tables = []

    def action(seconds: float) -> int:
        try:
            status, table = run_suite("cuda", seconds=seconds)
        except Exception:  # noqa: BLE001 - what was run before is still summed up
            traceback.print_exc()
            return 1
        tables.append(table)
        return status

    steps.run("benchmarks", 300, action)
    return "".join(tables)


def main() -> None:
    """Build, test and measure; the exit status says whether all passed."""
    print(f"GPU: {find_gpu()}")
    steps = Steps()
    table = "nothing was measured: the extension was not built"
    has_extension, has_test = build(steps)
    if has_extension:
        prove(steps, has_test=has_test)
        table = measure(steps)
    print("\n" + "\n".join(steps.lines))
    print(f"{'all':40} {SECONDS - steps.left():6.1f} s  {'FAILED' if steps.failed else 'passed'}")
    print(f"\n{table}")
    sys.exit(steps.failed)


if __name__ == "__main__":
    main()
