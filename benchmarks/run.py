"""Run the timed suites, once for each number of threads, and write one results file.

python -m benchmarks.run [--quick] [--threads 1 2] [-- PYTEST ARGUMENTS]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import results

HERE = Path(__file__).resolve().parent
# Read once by the libraries that take them, so every number of threads has its own process.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PYTEST = (
    "-q",
    f"--ignore={HERE / 'gpu'}",
    "--benchmark-quiet",
    "--benchmark-disable-gc",
    "-o",
    "filterwarnings=ignore",
)
# The rest of a quick run is on one thread.
QUICK_SUITES = [str(HERE / "test_replies.py"), str(HERE / "test_text.py")]


def run_suites(threads: int, extra: list[str], *, quick: bool) -> dict[str, Any]:
    """One process; its rows and floors."""
    suites = QUICK_SUITES if quick and threads > 1 else [str(HERE)]
    with TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "pytest", *PYTEST, *suites, "--threads", str(threads)]
        command += ["--ignore", str(HERE / "gpu")]
        command += ["--rows", str(rows), *(["--quick"] if quick else []), *extra]
        variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
        status = subprocess.run(
            command, cwd=HERE.parent, env=os.environ | variables, check=False
        ).returncode
        if status:
            sys.exit(status)  # a wrong answer has no time
        part: dict[str, Any] = json.loads(rows.read_text(encoding="utf-8"))
    return part


def main() -> None:
    """See the module."""
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run")
    parser.add_argument("--quick", action="store_true", help="under three minutes")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2] if cores > 1 else [1])
    parser.add_argument("pytest", nargs="*", help="arguments of pytest, behind --")
    options = parser.parse_args()
    commit = results.describe_commit()
    parts = [
        run_suites(threads, options.pytest, quick=options.quick) for threads in options.threads
    ]
    print(f"wrote {results.write(results.assemble(parts, commit, quick=options.quick))}")


if __name__ == "__main__":
    main()
