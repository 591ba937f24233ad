"""Everything that only a GPU can show, in one command or two: make gpu.

python3 -m benchmarks.gpu [--part first|second] [--seconds N] [--out FOLDER]
                          [--device cpu [--quick]]

The first part checks and times each kernel, checks the engine, and measures the headline times.
The second measures the peers and runs the tests, the sanitizers and the sweeps. Every item has a
process and a limit of its own. Results are written after each one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gpu import plan
from benchmarks.gpu.bare_package import skip_extension_check
from benchmarks.gpu.build import PROGRAM, Build
from benchmarks.gpu.journal import FOLDER, Journal
from benchmarks.gpu.processes import TRACE
from benchmarks.gpu.runner import Runner

SECONDS = {"first": 300.0, "second": 420.0}
REHEARSED_SECONDS = 1800.0  # interpreted, on few cores
BESIDE = 4  # items that time nothing, side by side


def find_capability() -> str:
    """The GPU's, such as 90; exits with a sentence if there is no GPU."""
    command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return found.split()[0].replace(".", "")
    except (OSError, subprocess.CalledProcessError, IndexError):
        sys.exit(
            "make gpu needs an NVIDIA GPU, and nvidia-smi finds none; "
            "python3 -m benchmarks.gpu --device cpu rehearses it without one"
        )


def run_part(part: str, options: argparse.Namespace, capability: str | None) -> Journal:
    """Run one part; its results."""
    rehearsed = options.device == "cpu"
    seconds = options.seconds or (REHEARSED_SECONDS if rehearsed else SECONDS[part])
    journal = Journal(options.out, f"gpu-{part}", rehearsed=rehearsed)
    with TemporaryDirectory() as name:
        folder = Path(name)
        build = Build(capability, folder / "build.log")
        if not rehearsed:
            build.start()
        wait = always_built if rehearsed else build.wait
        sanitizer = None if rehearsed else shutil.which("compute-sanitizer")
        items = plan.first_part() if part == "first" else plan.second_part(sanitizer, PROGRAM)
        if rehearsed:
            items = plan.rehearsal(items, quick=options.quick)
        beside = min(BESIDE, len(os.sched_getaffinity(0)))
        try:
            Runner(
                journal=journal,
                wait_for_build=wait,
                device=options.device,
                folder=folder,
                seconds=seconds,
                beside=beside,
            ).run(items)
        finally:
            build.stop()
        if not rehearsed:
            note_build(journal, build, folder / "build.log")
        journal.close(folder / TRACE)
    return journal


def always_built(_: float) -> bool:
    """A rehearsal has the extension that Python imports."""
    return True


def note_build(journal: Journal, build: Build, log: Path) -> None:
    """Keep the compiler's output."""
    if log.exists():
        text = log.read_text(encoding="utf-8", errors="replace")
        journal.note("build", text, show=not build.passed)
    outcome = "passed" if build.passed else "FAILED"
    journal.add("build, in the background", outcome, build.seconds, {})


def main() -> None:
    """Run the parts; the exit status says whether all passed."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.gpu", allow_abbrev=False)
    parser.add_argument("--part", choices=list(SECONDS), help="one of the two; both if left out")
    parser.add_argument("--seconds", type=float, help="of a part, instead of its own limit")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: rehearse")
    parser.add_argument("--out", type=Path, default=os.environ.get("OUT") or FOLDER,
                        help="folder of the results: $OUT, or else build/gpu-results")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="with cpu: one item of each kind")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    capability = find_capability() if options.device == "cuda" else None
    parts = [options.part] if options.part else list(SECONDS)
    journals = [run_part(part, options, capability) for part in parts]
    skip_extension_check()  # the table is printed even if nothing was built
    from benchmarks.gpu.table import short_table  # noqa: PLC0415

    for journal in journals:
        print(f"\n{journal.folder / journal.name}.json and .log\n{short_table(journal.document)}")
    sys.exit(any(journal.failed for journal in journals))


if __name__ == "__main__":
    main()
