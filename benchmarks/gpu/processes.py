"""Child processes of `make gpu`: with a limit each, and pytest without what is not ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0  # seconds in which an interrupted process may write what it has
TIMED_OUT = 124
# The machine's pytest may be of any version, with any plugins: neither the configuration nor the
# warnings of ours are for it.
PYTEST = [
    *(sys.executable, "-m", "pytest", "-q", "-ra", "--tb=short", "--durations=8"),
    *("-c", os.devnull, "--rootdir", str(ROOT), "--confcutdir", str(ROOT)),
    *("--import-mode=importlib", "-p", "no:cacheprovider", "-W", "ignore"),
]


def variables(device: str) -> dict[str, str]:
    """The environment of whatever runs on that device."""
    rehearsal = {"MIME_FAST_REHEARSAL": "1"} if device == "cpu" else {}
    ours = {
        "TRITON_INTERPRET": "1" if device == "cpu" else "0",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",  # the GPU's peers have no use for more
    }
    return os.environ | ours | rehearsal


def run_limited(
    command: list[str], seconds: float, environment: dict[str, str], output: IO[str] | None = None
) -> int:
    """The exit status; behind the limit the process is interrupted, then killed."""
    # A job in the background ignores interrupts, and so would what it starts.
    interruptible = ["env", "--default-signal=INT", *command]
    process = subprocess.Popen(
        interruptible, cwd=ROOT, env=environment, stdout=output, stderr=output and subprocess.STDOUT
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        print(f"stopped after {seconds:.0f} s: {command[0]} ...", file=output, flush=True)
        process.send_signal(signal.SIGINT)  # pytest writes what it has
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return TIMED_OUT
