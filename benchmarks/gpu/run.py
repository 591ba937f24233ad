"""Run the timed suite of a GPU, and write its results file, its page and its plots.

python -m benchmarks.gpu.run [--device cuda] [--out FOLDER] [-- PYTEST ARGUMENTS]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import traceback
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import results
from benchmarks.gpu.processes import PYTEST, ROOT, run_limited, variables
from benchmarks.gpu.table import short_table

HERE = Path(__file__).resolve().parent
# What matters most comes first, what may take too long comes last.
SUITES = [f"test_{name}.py" for name in ("replies", "text", "steps", "kernels", "cold", "compiled")]


def describe_gpu() -> dict[str, Any]:
    """The first GPU that torch sees."""
    import torch  # noqa: PLC0415 - it takes seconds

    properties = torch.cuda.get_device_properties(0)
    return {
        "name": properties.name,
        "driver": _driver(),
        "memory_gb": round(properties.total_memory / 1e9),
        "multiprocessors": properties.multi_processor_count,
        "cuda": str(torch.version.cuda),
    }


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.split("\n")[0].strip()


def run_suite(
    device: str, folder: Path | None = None, extra: tuple[str, ...] = (), seconds: float = 600
) -> tuple[int, str]:
    """Measure and write; the exit status, which is not 0 if nothing was measured, and a table."""
    commit = results.describe_commit()
    with TemporaryDirectory() as temporary:
        rows = Path(temporary) / "rows.json"
        suites = [str(HERE / suite) for suite in SUITES]
        command = [*PYTEST, *suites, "--device", device, "--rows", str(rows), *extra]
        status = run_limited(command, seconds, variables(device))
        part: dict[str, Any] = {"rows": [], "floors": None}
        if rows.exists():
            part = json.loads(rows.read_text(encoding="utf-8"))
    if not part["rows"]:
        return status or 1, "nothing was measured"
    gpu = describe_gpu() if device == "cuda" else {"name": "rehearsal", "driver": "none"}
    whole = results.assemble([part], commit, quick=device != "cuda", gpu=gpu)
    whole["versions"] |= {"triton": metadata.version("triton")}
    path = results.write(whole, folder or results.FOLDER)
    print(f"wrote {path}")
    if find_spec("matplotlib"):
        status = _write_page(path) or status
    return status, short_table(whole)


def _write_page(path: Path) -> int:
    """What was measured is worth more than its page: 1, if that cannot be made."""
    from benchmarks.report import write_page  # noqa: PLC0415

    try:
        print(f"wrote {write_page(path)} and its plots")
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    """Run the suites on the GPU, and write one results file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.run")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: rehearse")
    parser.add_argument("--out", type=Path, help="folder of the results file")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest, behind --")
    options = parser.parse_args()
    os.chdir(ROOT)
    status, table = run_suite(options.device, options.out, tuple(options.pytest))
    print(f"\n{table}")
    sys.exit(status)


if __name__ == "__main__":
    main()
