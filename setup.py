"""The CMake build of mime_fast._C and the package map; metadata is in pyproject.toml."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pybind11
from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent

# Import name -> folder.
PACKAGE_DIRS = {"mime_fast": "mime_fast", "mime_fast.kernels": "kernels"}


def packages() -> list[str]:
    """List every mapped package and its subpackages by import name."""
    found = set(PACKAGE_DIRS)
    for name, folder in PACKAGE_DIRS.items():
        found |= {f"{name}.{sub}" for sub in find_packages(folder)}
    return sorted(found)


class CMakeBuild(build_ext):
    """Build extensions with CMake, with ninja if it is found; flags come from CMAKE_ARGS."""

    def build_extension(self, ext: Extension) -> None:
        """Configure the repository's CMakeLists.txt and build the target of that extension."""
        target = ext.name.rpartition(".")[2]
        output = Path(self.get_ext_fullpath(ext.name)).resolve().parent
        build = self._build_dir()
        subprocess.run(["cmake", "-S", ROOT, "-B", build, *self._options(output)], check=True)
        jobs = str(self.parallel or os.cpu_count() or 1)
        subprocess.run(
            ["cmake", "--build", build, "--target", target, "--parallel", jobs], check=True
        )

    def _build_dir(self) -> Path:
        if not self.editable_mode:
            return Path(self.build_temp).resolve()
        # Editable builds get a new temporary folder each time; a fixed one compiles only changes.
        build = ROOT / "build" / f"cmake-{sys.implementation.cache_tag}"
        cache = build / "CMakeCache.txt"
        if cache.exists() and f"SOURCE_DIR:STATIC={ROOT}\n" not in cache.read_text():
            shutil.rmtree(build)  # CMake refuses the cache of a tree that was copied or moved.
        return build

    def _options(self, output: Path) -> list[str]:
        options = {
            "CMAKE_LIBRARY_OUTPUT_DIRECTORY": str(output),
            "CMAKE_BUILD_TYPE": "Debug" if self.debug else "Release",
            "Python_EXECUTABLE": sys.executable,
            "pybind11_DIR": pybind11.get_cmake_dir(),
        }
        generator = []
        if ninja := shutil.which("ninja"):
            # A cached path may be that of an isolated build's ninja, which is gone by now.
            options["CMAKE_MAKE_PROGRAM"] = ninja
            generator = ["-GNinja"]
        defines = [f"-D{key}={value}" for key, value in options.items()]
        return [*generator, *defines, *shlex.split(os.environ.get("CMAKE_ARGS", ""))]


setup(
    packages=packages(),
    package_dir=PACKAGE_DIRS,
    ext_modules=[Extension("mime_fast._C", sources=[])],
    cmdclass={"build_ext": CMakeBuild},
)
