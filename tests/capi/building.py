"""libmime_fast and its test programs, built once for all workers of pytest.

`make test` has built most of them in build/tests; elsewhere they are built in build/library.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN, SHARED = ROOT / "build/library", ROOT / "build/tests"
PACKAGES = {"oniguruma": "libonig-dev", "libutf8proc": "libutf8proc-dev"}
# As `make test` compiles the C++ tests, so that ccache has the objects of the engine.
FLAGS = (
    *("-DMIME_FAST_LIBRARY=ON", "-DMIME_FAST_PYTHON=OFF", "-DMIME_FAST_CUDA=OFF"),
    *("-DMIME_FAST_TESTS=ON", "-DMIME_FAST_WERROR=ON"),
    "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF",
)
TARGETS = ("mime_fast", "library_probe", "test_library", "start_to_reply")
# Tools that pip installed stand beside the interpreter, whether or not its venv is activated.
ENVIRONMENT = os.environ | {
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    "CCACHE_BASEDIR": os.environ.get("CCACHE_BASEDIR", "/"),
    "CCACHE_NOHASHDIR": os.environ.get("CCACHE_NOHASHDIR", "1"),
}


@cache
def library_folder() -> Path:
    """The build folder; the test is skipped where what the library needs is missing."""
    check_tools()
    folder = SHARED if builds_library(SHARED) else OWN
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
        if folder == OWN:
            run("cmake", "-S", ROOT, "-B", folder, "-GNinja", *FLAGS, *launcher())
        run("cmake", "--build", folder, "--target", *TARGETS)
    return folder


def builds_library(folder: Path) -> bool:
    """Whether a folder is configured for the library."""
    cache = folder / "CMakeCache.txt"
    return cache.exists() and "MIME_FAST_LIBRARY:BOOL=ON\n" in cache.read_text(encoding="utf-8")


def check_tools() -> None:
    """Skip the test unless the sources, a compiler and the libraries are here."""
    if not (ROOT / "csrc").is_dir():
        pytest.skip("the sources are not here")
    for tool in ("cmake", "ninja", "c++", "pkg-config"):
        if shutil.which(tool, path=ENVIRONMENT["PATH"]) is None:
            pytest.skip(f"libmime_fast cannot be built here: there is no {tool}")
    missing = [
        package
        for name, package in PACKAGES.items()
        if subprocess.run(["pkg-config", "--exists", name], check=False).returncode
    ]
    if missing:
        pytest.skip(f"libmime_fast cannot be built here: apt install {' '.join(missing)}")


def launcher() -> list[str]:
    """What makes CMake use ccache, where it is."""
    return ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []


def run(*command: str | Path, **options: str) -> str:
    """Run a command; its output, which an error shows."""
    result = subprocess.run(
        command,
        env=ENVIRONMENT | options,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout
