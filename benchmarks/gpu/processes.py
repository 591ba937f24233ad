"""Child processes of `make gpu`: their environment, their limits, and pytest without plugins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from benchmarks.gpu.bare_package import ROOT

PATIENCE = 10.0  # seconds in which an interrupted process may write what it has
PAUSE = 0.05  # seconds between two looks
TIMED_OUT = 124
TRACE = "trace.json.gz"  # of the profiler, in the folder of a run
# The machine's pytest may be of any version, with any plugins: neither the configuration nor the
# warnings of ours are for it.
PYTEST_ARGUMENTS = [
    *("-q", "-ra", "--tb=short", "-c", os.devnull, "--rootdir", str(ROOT)),
    *("--confcutdir", str(ROOT), "--import-mode=importlib", "-p", "no:cacheprovider"),
    *("-W", "ignore"),
]
PYTEST = [sys.executable, "-m", "pytest", *PYTEST_ARGUMENTS]


def variables(device: str, folder: Path | None = None) -> dict[str, str]:
    """The environment of whatever runs on that device; folder: where items leave their files."""
    rehearsal = {"MIME_FAST_REHEARSAL": "1", "MIME_FAST_GPU_TESTS": "cpu"}
    ours = {
        "TRITON_INTERPRET": "1" if device == "cpu" else "0",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",  # the GPU's peers have no use for more
        "MIME_FAST_GPU_DEVICE": device,
    }
    if folder is not None:
        ours["MIME_FAST_GPU_FOLDER"] = str(folder)
    return os.environ | ours | (rehearsal if device == "cpu" else {})


def start(
    command: list[str], environment: dict[str, str], output: IO[str] | None
) -> subprocess.Popen[str]:
    """A process that reads its turn from stdin; all that it prints goes to `output`."""
    # A job in the background ignores interrupts, and so would what it starts. A group of processes
    # is ended as a whole.
    return subprocess.Popen(
        ["env", "--default-signal=INT", *command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output and subprocess.STDOUT,
        text=True,
        process_group=0,
    )


def finish(process: subprocess.Popen[str], seconds: float) -> int:
    """Give the process its turn; its exit status. Behind the limit it is interrupted, then killed.

    A process that waits for a GPU that hangs can only be killed.
    """
    try:
        process.communicate("\n", timeout=seconds)
    except subprocess.TimeoutExpired:
        return stop(process, signal.SIGINT)
    return process.returncode


def stop(process: subprocess.Popen[str], polite: int = signal.SIGKILL) -> int:
    """End the process and what it has started; all but SIGKILL leave them time to end."""
    ends = time.monotonic() + (0 if polite == signal.SIGKILL else PATIENCE)
    left = _signal(process, polite)
    while left and time.monotonic() < ends:
        time.sleep(PAUSE)
        process.poll()  # until somebody asks for its status, it counts as running
        left = _signal(process, 0)
    if left:
        _signal(process, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
    return TIMED_OUT


def _signal(process: subprocess.Popen[str], number: int) -> bool:
    """Whether the process, or another one of its group, was there; 0 only asks."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def run_limited(
    command: list[str], seconds: float, environment: dict[str, str], output: IO[str] | None = None
) -> int:
    """The exit status of a command that ends within its limit."""
    return finish(start(command, environment, output), seconds)
