"""What a run is made on: GPU, driver, compiler, libraries."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from typing import Any

from benchmarks.gpu.build import find_nvcc
from benchmarks.gpu.measured import save_rows

PACKAGES = ("torch", "triton", "numpy", "pybind11", "pytest", "hypothesis", "matplotlib")


def main(device: str) -> int:
    """Describe the machine; 1, with a sentence, if the engine cannot run on it."""
    import torch  # noqa: PLC0415 - a child has loaded it

    found = {"python": sys.version.split()[0], "system": platform.platform()}
    found |= {package: _version(package) for package in PACKAGES}
    found |= {"nvcc": describe_nvcc(), "cores": str(os.cpu_count())}
    gpu: dict[str, Any] = {"name": "rehearsal", "driver": "none"}
    if device == "cuda":
        if not torch.cuda.is_available():
            print(f"torch {torch.__version__} finds no GPU that it can use")
            return 1
        gpu = _describe_gpu(torch.cuda.get_device_properties(0))
    save_rows([], gpu=gpu, environment=found)
    print(gpu, found)
    return 0


def _describe_gpu(properties: Any) -> dict[str, Any]:
    import torch  # noqa: PLC0415

    return {
        "name": properties.name,
        "driver": _first_line("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        "memory_gb": round(properties.total_memory / 1e9),
        "multiprocessors": properties.multi_processor_count,
        "capability": f"{properties.major}.{properties.minor}",
        "cache_mb": round(properties.L2_cache_size / 2**20),
        "cuda": str(torch.version.cuda),
    }


def describe_nvcc() -> str:
    """Return the version line of the compiler that the build takes."""
    try:
        return _first_line(str(find_nvcc()), "--version", last=True)
    except RuntimeError:
        return "missing"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _first_line(*command: str, last: bool = False) -> str:
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "missing"
    kept = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["nothing"]
    return kept[-1 if last else 0]
