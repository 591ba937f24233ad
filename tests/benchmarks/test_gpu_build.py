"""The build of `make gpu`, which runs beside the first items."""

import shutil
import sys
import time
from pathlib import Path

import pytest

from benchmarks.gpu import build
from benchmarks.gpu.build import Build
from benchmarks.gpu.environment import describe_nvcc

# One target that takes half a minute: what it has started touches a file meanwhile.
PROJECT = """
cmake_minimum_required(VERSION 3.20)
project(slow NONE)
add_custom_target(slow ALL COMMAND sh -c "sh heart.sh & wait" VERBATIM
                  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
"""
HEART = "for _ in $(seq 1000); do touch heart; sleep 0.02; done"


def test_a_build_is_stopped_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ninja and the compilers of a first part would else build beside those of the second."""
    (tmp_path / "CMakeLists.txt").write_text(PROJECT)
    (tmp_path / "heart.sh").write_text(HEART)
    heart, folder = tmp_path / "heart", str(tmp_path / "build")
    cmake, ninja = build.find_program("cmake"), build.find_program("ninja")
    configure = [cmake, "-S", str(tmp_path), "-B", folder, "-GNinja"]
    commands = [[*configure, f"-DCMAKE_MAKE_PROGRAM={ninja}"], [cmake, "--build", folder]]
    monkeypatch.setattr(build, "commands", lambda _: commands)
    making = Build(None, tmp_path / "log")
    making.start()
    while not heart.exists() and not making.wait(0.01):
        assert making.seconds == 0, (tmp_path / "log").read_text()
    making.stop()
    heart.unlink()
    time.sleep(0.2)
    assert not heart.exists()
    assert not making.passed


def test_a_stopped_build_begins_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be stopped between two commands."""
    touch = [sys.executable, "-c", "import sys; open(sys.argv[1], 'w')", str(tmp_path / "begun")]
    monkeypatch.setattr(build, "commands", lambda _: [touch])
    making = Build(None, tmp_path / "log")
    making.stop()
    making.start()
    making.stop()
    assert not making.passed
    assert not (tmp_path / "begun").exists()


def test_nvcc_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "TOOLKITS", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.delenv("CUDACXX", raising=False)
    with pytest.raises(RuntimeError, match="needs nvcc, CUDA's compiler, and finds none"):
        build.find_nvcc()
    assert describe_nvcc() == "missing"
    for version in ("cuda-12.4", "cuda-13.0"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "nvcc").touch()
    assert build.find_nvcc().parts[-3] == "cuda-13.0"
    monkeypatch.setenv("CUDACXX", "/opt/nvcc")
    assert build.find_nvcc() == Path("/opt/nvcc")


def test_results_name_the_compiler_that_the_build_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that is not on the PATH."""
    nvcc = tmp_path / "nvcc"
    nvcc.write_text("#!/bin/sh\necho 'nvcc: NVIDIA (R)'\necho 'Build cuda_13.0'\n")
    nvcc.chmod(0o755)
    monkeypatch.setenv("CUDACXX", str(nvcc))
    assert describe_nvcc() == "Build cuda_13.0"


def test_cmake_alone_configures_the_build() -> None:
    """Neither setuptools nor make takes part."""
    configure, make = build.commands("90")
    assert Path(configure[0]).name == "cmake"
    assert "-DCMAKE_CUDA_ARCHITECTURES=90" in configure
    assert "-DMIME_FAST_CUDA=ON" in configure
    assert make[-2:] == ["_C", "gpu_device_search"]
