"""What a driver is asked, and what is said where no GPU can serve: with a driver of our own."""

import os
import subprocess
from pathlib import Path

import pytest

from mime_fast import _C
from mime_fast.engines import gpu
from mime_fast.engines.gpu import Gpu, check_gpu, find_gpus, missing

DRIVER = r"""
#include <stdlib.h>
#include <string.h>
static int setting(const char* name) { const char* v = getenv(name); return v ? atoi(v) : 0; }
int cuInit(unsigned flags) { return flags == 0 ? setting("FAKE_STATUS") : 1; }
int cuDeviceGetCount(int* count) { *count = setting("FAKE_COUNT"); return 0; }
int cuDeviceGet(int* device, int index) { *device = 40 + index; return 0; }
int cuDeviceGetName(char* name, int size, int device) {
  if (size < 20) return 1;
  strcpy(name, device == 40 ? "A GPU" : "Another GPU");
  return 0;
}
int cuDeviceGetAttribute(int* value, int which, int device) {
  if (device < 40 || (which != 75 && which != 76)) return 1;
  *value = which == 75 ? setting("FAKE_MAJOR") : 6;
  return 0;
}
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("driver")
    source, library = folder / "driver.c", folder / "libcuda.so"
    source.write_text(DRIVER, encoding="utf-8")
    compiler = os.environ.get("CXX", "g++")
    command = [compiler, "-x", "c", "-shared", "-fPIC", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    return str(library)


@pytest.fixture(autouse=True)
def two_gpus(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "DRIVER", driver)
    monkeypatch.setattr(_C, "has_cuda", True)
    for name, value in (("STATUS", "0"), ("COUNT", "2"), ("MAJOR", "8")):
        monkeypatch.setenv(f"FAKE_{name}", value)


def test_gpus_are_found() -> None:
    assert find_gpus() == [Gpu("A GPU", (8, 6)), Gpu("Another GPU", (8, 6))]


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:1"])
def test_a_gpu_can_serve(device: str) -> None:
    check_gpu(device)


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("FAKE_STATUS", "100", "finds no GPU (cuInit says 100); see nvidia-smi"),
        ("FAKE_COUNT", "0", "there are 0 GPUs"),
        ("FAKE_MAJOR", "7", "A GPU has compute capability 7.6, at least 8.0 is needed"),
    ],
)
def test_what_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(setting, value)
    with pytest.raises(
        ValueError, match=r"^device 'cuda' cannot be used: .*device='cpu'$"
    ) as caught:
        check_gpu("cuda")
    assert reason in str(caught.value)


def test_a_number_too_high_is_an_error() -> None:
    with pytest.raises(ValueError, match="there are 2 GPUs, numbered from 0"):
        check_gpu("cuda:2")


def test_a_missing_driver_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gpu, "DRIVER", str(tmp_path / "libcuda.so.1"))
    assert "there is no NVIDIA driver" in str(missing(0))


def test_a_build_without_cuda_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_C, "has_cuda", False)
    assert "CMAKE_ARGS=-DMIME_FAST_CUDA=ON" in str(missing(0))
