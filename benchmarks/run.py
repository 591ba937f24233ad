"""Run the timed suites, once for each number of threads, and write one results file.

python -m benchmarks.run [--quick] [--threads 1 2] [--out FOLDER] [-- PYTEST ARGUMENTS]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import results

HERE = Path(__file__).resolve().parent
# Read once by the libraries that take them, so every number of threads has its own process.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PYTEST = (
    "-q",
    "--benchmark-quiet",
    "--benchmark-disable-gc",
    "-o",
    "filterwarnings=ignore",
)
# The rest of a quick run is on one thread.
QUICK_SUITES = [str(HERE / "test_replies.py"), str(HERE / "test_text.py")]


def run_suites(threads: int, extra: list[str], scale: str | None) -> dict[str, Any]:
    """One process; its rows and floors. scale: "quick" or "smoke"; None: everything."""
    suites = QUICK_SUITES if scale and threads > 1 else [str(HERE)]
    with TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "pytest", *PYTEST, *suites, "--threads", str(threads)]
        command += ["--ignore", str(HERE / "gpu")]
        command += ["--rows", str(rows), *([f"--{scale}"] if scale else []), *extra]
        variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
        status = subprocess.run(
            command, cwd=HERE.parent, env=os.environ | variables, check=False
        ).returncode
        if status:
            sys.exit(status)  # a wrong answer has no time
        part: dict[str, Any] = json.loads(rows.read_text(encoding="utf-8"))
    return part


def main() -> None:
    """Run the suites for each number of threads, and write one results file."""
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run")
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument(
        "--quick",
        dest="scale",
        action="store_const",
        const="quick",
        help="fewer rounds, sizes and messages",
    )
    scale.add_argument(
        "--smoke", dest="scale", action="store_const", const="smoke", help="times mean nothing"
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2] if cores > 1 else [1])
    parser.add_argument("--out", type=Path, default=results.FOLDER, help="of the results file")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest, behind --")
    options = parser.parse_args()
    commit, started = results.describe_commit(), time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    parts = [run_suites(threads, options.pytest, options.scale) for threads in options.threads]
    seconds = time.monotonic() - started
    quick = options.scale is not None
    whole = results.assemble(parts, commit, quick=quick, seconds=seconds)
    print(f"wrote {results.write(whole, options.out)}")


if __name__ == "__main__":
    main()
