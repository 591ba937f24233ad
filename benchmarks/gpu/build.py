"""Builds the extension and the C++ test of the searches with CMake alone, in the background."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks.gpu import processes
from benchmarks.gpu.bare_package import ROOT

FOLDER = ROOT / "build" / "gpu"
PROGRAM = FOLDER / "tests" / "csrc" / "cpp" / "gpu_device_search"
TOOLKITS = Path("/usr/local")


class Build:
    """A build that others can wait for. Its output is shown if it fails."""

    def __init__(self, capability: str | None, log: Path) -> None:
        self._log, self._capability = log, capability
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.passed, self.seconds = False, 0.0
        self._process: subprocess.Popen[str] | None = None
        self._lock, self._stopped = threading.Lock(), False

    def start(self) -> None:
        """Start the build in the background, at a lower priority."""
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether it has passed; False too if it takes longer than so many seconds."""
        self._thread.join(max(0.0, seconds))
        return self.passed and not self._thread.is_alive()

    def stop(self) -> None:
        """End what is left of it: another build may then begin in its folder."""
        with self._lock:
            self._stopped = True
        if self._process is not None and self._process.poll() is None:
            # Ninja gives each compiler a group of processes, and ends it only if it may.
            processes.stop(self._process, signal.SIGTERM)
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        try:
            self.passed = all(self._call(command) for command in commands(self._capability))
        except (OSError, RuntimeError) as error:
            self._log.write_text(f"{error}\n", encoding="utf-8")
        self.seconds = time.monotonic() - began

    def _call(self, command: list[str]) -> bool:
        with self._log.open("a", encoding="utf-8") as log:
            with self._lock:
                if self._stopped:
                    return False
                self._process = subprocess.Popen(
                    ["nice", *command],
                    cwd=ROOT,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    text=True,
                    process_group=0,
                )
            return self._process.wait() == 0


def commands(capability: str | None) -> list[list[str]]:
    """Configure, then build; capability: of the GPU, such as 90; None: all that are supported."""
    cmake = find_program("cmake")
    pybind11 = subprocess.run(
        [sys.executable, "-m", "pybind11", "--cmakedir"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.strip()
    options = {
        "MIME_FAST_CUDA": "ON",
        "MIME_FAST_TESTS": "ON",
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_INTERPROCEDURAL_OPTIMIZATION": "OFF",  # a link takes half a minute with it
        "CMAKE_CUDA_COMPILER": str(find_nvcc()),
        "CMAKE_LIBRARY_OUTPUT_DIRECTORY": str(ROOT / "mime_fast"),
        "Python_EXECUTABLE": sys.executable,
        **({"pybind11_DIR": pybind11} if pybind11 else {}),
        **({"CMAKE_CUDA_ARCHITECTURES": capability} if capability else {}),
    }
    ninja = shutil.which("ninja", path=_path())
    generator = ["-GNinja", f"-DCMAKE_MAKE_PROGRAM={ninja}"] if ninja else []
    defines = [f"-D{name}={value}" for name, value in options.items()]
    jobs = max(1, len(os.sched_getaffinity(0)) - 4)  # the checks compile kernels meanwhile
    build = [cmake, "--build", str(FOLDER), "--parallel", str(jobs)]
    return [
        [cmake, "-S", str(ROOT), "-B", str(FOLDER), *generator, *defines],
        [*build, "--target", "_C", PROGRAM.name],
    ]


def find_program(name: str) -> str:
    """Find a program on the PATH, or beside Python, where pip puts programs."""
    found = shutil.which(name, path=_path())
    if found is None:
        raise RuntimeError(f"make gpu needs {name}, and finds none; pip install {name}")
    return found


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])


def find_nvcc() -> Path:
    """CUDACXX, or nvcc of the PATH, or of the newest toolkit in /usr/local."""
    named = os.environ.get("CUDACXX") or shutil.which("nvcc")
    if named:
        return Path(named)
    found = [*TOOLKITS.glob("cuda/bin/nvcc"), *sorted(TOOLKITS.glob("cuda-*/bin/nvcc"))[::-1]]
    if not found:
        raise RuntimeError(
            f"make gpu needs nvcc, CUDA's compiler, and finds none in {TOOLKITS}; set CUDACXX"
        )
    return found[0]
