"""The results file: what was measured, on what, of which commit."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "results"
FORMAT = 1
PACKAGES = ("mime-fast", "numpy", "torch", "onnxruntime", "ctranslate2", "pytest-benchmark")


def describe_machine() -> dict[str, Any]:
    """The processor, not the host's name."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    flags = set(cpuinfo.split())
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8")
    return {
        "cpu": found[1].strip() if found else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "instructions": [flag for flag in wanted if flag in flags],
        "system": f"{platform.system()} {platform.release()}",
    }


def describe_versions() -> dict[str, str]:
    """Versions of Python and of every package that took part."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def describe_commit() -> str:
    """The commit, and whether the files differ from it.

    MIME_FAST_COMMIT names it where the files were copied without their history.
    """
    if named := os.environ.get("MIME_FAST_COMMIT"):
        return named

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(FOLDER.parent), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"  # an archive, not a clone


def assemble(
    parts: list[dict[str, Any]],
    commit: str,
    *,
    quick: bool,
    seconds: float | None = None,
    gpu: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One document of what the processes measured, one for each number of threads.

    commit: when they began. seconds: that the whole run took. gpu: that everybody ran on, by its
    name, driver and memory.
    """
    return {
        "format": FORMAT,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "commit": commit,
        **({} if seconds is None else {"seconds": round(seconds)}),
        "machine": describe_machine() | ({"gpu": gpu} if gpu else {}),
        "versions": describe_versions(),
        "floors": [part["floors"] for part in parts if part["floors"]],
        "rows": [row for part in parts for row in part["rows"]],
    }


def path_of(results: dict[str, Any]) -> Path:
    """results/<machine or GPU>-<date>.json; a second run on the same day replaces the first."""
    machine = results["machine"]
    name = f"{machine['cpu']} {machine['cores']} cores"
    if "gpu" in machine:
        name = machine["gpu"]["name"]
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    quick = "-quick" if results["quick"] else ""
    return FOLDER / f"{slug}-{results['date'][:10]}{quick}.json"


def write(results: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write the file; returns where."""
    folder.mkdir(exist_ok=True)
    return write_document(results, folder / path_of(results).name)


def write_document(results: dict[str, Any], path: Path) -> Path:
    """Write that file, whole or not at all; returns where."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return partial.replace(path)


def read(path: Path) -> dict[str, Any]:
    """A results file, checked for its format."""
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if results.get("format") != FORMAT:
        raise ValueError(
            f"{path} is of format {results.get('format')!r}, this report reads {FORMAT}; "
            "run the benchmarks again"
        )
    return results
