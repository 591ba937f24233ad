"""Whether the cuda engine can run here: asked of the driver, before torch's three seconds."""

from __future__ import annotations

import ctypes
import re
from typing import NamedTuple

from mime_fast import _C

LEAST_CAPABILITY = 8, 0  # Ampere: what the kernels are compiled for and tested on
DRIVER = "libcuda.so.1"
MAJOR, MINOR = 75, 76  # CUdevice_attribute: of the compute capability


class Gpu(NamedTuple):
    """A GPU as its driver describes it."""

    name: str
    capability: tuple[int, int]


def check_gpu(device: str) -> None:
    """ValueError with a reason and a remedy if the engine cannot run on cuda or cuda:N."""
    reason = missing(device_index(device))
    if reason is not None:
        raise ValueError(f"device {device!r} cannot be used: {reason}; or use device='cpu'")


def device_index(device: str) -> int:
    """The number of the GPU that cuda or cuda:N names; ValueError: the name is another."""
    match = re.fullmatch(r"cuda(?::(\d+))?", device)
    if match is None:
        raise ValueError(f"device of the cuda engine must be 'cuda' or 'cuda:N', got {device!r}")
    return int(match.group(1) or 0)


def missing(index: int) -> str | None:
    """What a GPU of that index lacks to serve; None: nothing."""
    try:
        gpus = find_gpus()
    except OSError as error:
        return f"there is no NVIDIA driver ({error}); install one"
    except RuntimeError as error:
        return f"the NVIDIA driver finds no GPU ({error}); see nvidia-smi and CUDA_VISIBLE_DEVICES"
    if index >= len(gpus):
        return f"there are {len(gpus)} GPUs, numbered from 0; see nvidia-smi"
    gpu = gpus[index]
    if gpu.capability < LEAST_CAPABILITY:
        found, least = (".".join(map(str, each)) for each in (gpu.capability, LEAST_CAPABILITY))
        return f"{gpu.name} has compute capability {found}, at least {least} is needed"
    if not _C.has_cuda:
        return (
            "mime_fast was built without CUDA; install CUDA's compiler nvcc, and mime_fast again "
            "with CMAKE_ARGS=-DMIME_FAST_CUDA=ON"
        )
    return None


def find_gpus() -> list[Gpu]:
    """All that this process may use; OSError: no driver; RuntimeError: the driver failed."""
    cuda = ctypes.CDLL(DRIVER)

    def call(function: str, *arguments: object) -> None:
        status = getattr(cuda, function)(*arguments)
        if status != 0:
            raise RuntimeError(f"{function} says {status}")

    def attribute(which: int, device: ctypes.c_int) -> int:
        value = ctypes.c_int()
        call("cuDeviceGetAttribute", ctypes.byref(value), which, device)
        return value.value

    call("cuInit", 0)
    count = ctypes.c_int()
    call("cuDeviceGetCount", ctypes.byref(count))
    gpus = []
    for index in range(count.value):
        device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
        call("cuDeviceGet", ctypes.byref(device), index)
        call("cuDeviceGetName", name, len(name), device)
        capability = attribute(MAJOR, device), attribute(MINOR, device)
        gpus.append(Gpu(name.value.decode(errors="replace"), capability))
    return gpus
