"""Memory that host and device have a copy of each, and the pool of buffers."""

from __future__ import annotations

import math
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ALIGNED = 16  # bytes: Triton compiles better code for pointers that are

# Batches of buffers that wait for the next call: an encoder has 63 shapes, up to 256 contexts of up
# to 1,024 tokens. Each is recorded once, which takes milliseconds.
MOST_IDLE = 64

Fields = dict[str, tuple[str, tuple[int, ...]]]  # name -> type and shape


class Layout:
    """Named arrays in one piece of memory."""

    def __init__(self, fields: Fields) -> None:
        self.size = 0  # bytes
        self._places: dict[str, tuple[str, tuple[int, ...], int, int]] = {}
        for name, (dtype, shape) in fields.items():
            end = self.size + math.prod(shape) * np.dtype(dtype).itemsize
            self._places[name] = dtype, shape, self.size, end
            self.size = -(-end // ALIGNED) * ALIGNED

    def arrays(self, memory: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Views of memory (size,)."""
        return {
            name: memory[first:end].view(dtype).reshape(shape)
            for name, (dtype, shape, first, end) in self._places.items()
        }

    def tensors(self, memory: Tensor) -> dict[str, Tensor]:
        """Views of memory uint8 (size,)."""
        return {
            name: memory[first:end].view(getattr(torch, dtype)).view(shape)
            for name, (dtype, shape, first, end) in self._places.items()
        }


def host_memory(size: int, device: torch.device) -> Tensor:
    """Zeros, uint8 (size,), pinned if a GPU is to copy them while the host goes on."""
    pinned = device.type == "cuda"
    return torch.zeros(size, dtype=torch.uint8, device="cpu", pin_memory=pinned)


class Event:
    """A CUDA event on the current stream, which the host can wait for."""

    def __init__(self, device: torch.device) -> None:
        self._event = torch.cuda.Event() if device.type == "cuda" else None
        if self._event is not None:
            self._event.record()

    def wait(self) -> None:
        """Wait until the device has come to it."""
        if self._event is not None:
            self._event.synchronize()


class Block:
    """Named arrays in one piece of a device's memory: one transfer moves all of them."""

    def __init__(self, fields: Fields, device: torch.device) -> None:
        self.layout, self.device = Layout(fields), device
        self.memory = torch.zeros(self.layout.size, dtype=torch.uint8, device=device)
        self.tensors = self.layout.tensors(self.memory)


class Staging:
    """The host's copy of a block, for transfers in one direction."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._staged = host_memory(block.layout.size, block.device)
        self.arrays = block.layout.arrays(self._staged.numpy())
        self._moved: Event | None = None

    def wait(self) -> None:
        """Wait for the last transfer."""
        if self._moved is not None:
            self._moved.wait()


class Upload(Staging):
    """What the host writes for the device. Call wait() before the arrays are written again."""

    def clear(self) -> None:
        """Set the host's copy of all arrays to 0."""
        self.wait()
        self._staged.zero_()

    def send(self) -> None:
        """Copy all arrays to the device; they replace what it has made of them."""
        self._block.memory.copy_(self._staged, non_blocking=True)
        self._moved = Event(self._block.device)

    def send_part(self, part: slice, whole: int) -> None:
        """Copy the rows of a slice of `whole` parts of each array to the device."""
        staged = self._block.layout.tensors(self._staged)
        for name, tensor in self._block.tensors.items():
            width = len(tensor) // whole
            rows = slice(part.start * width, part.stop * width)
            tensor[rows].copy_(staged[name][rows], non_blocking=True)
        self._moved = Event(self._block.device)


class Download(Staging):
    """What the device has made of a block. The host only reads it."""

    def receive(self) -> None:
        """All arrays; call wait() before they are read."""
        self._staged.copy_(self._block.memory, non_blocking=True)
        self._moved = Event(self._block.device)


def bucket(count: int, least: int = 1) -> int:
    """The size of the buffers for so many: a power of two, so that there are few of them."""
    return max(least, 1 << (count - 1).bit_length())


class HasShape(Protocol):
    """Buffers, and launches that were recorded for them."""

    @property
    def shape(self) -> tuple[Any, ...]:
        """What they were made for."""


Batch = TypeVar("Batch", bound=HasShape)


class BatchPool(Generic[Batch]):
    """Batches that wait for the next call of their shape; those that wait longest are dropped."""

    def __init__(self) -> None:
        self._batches: list[Batch] = []
        self._lock = Lock()

    def take(self, shape: tuple[object, ...]) -> Batch | None:
        """One of that shape, if there is one."""
        with self._lock:
            for index, batch in enumerate(self._batches):
                if batch.shape == shape:
                    return self._batches.pop(index)
        return None

    def put(self, batch: Batch) -> None:
        """Return the batch to the pool."""
        with self._lock:
            self._batches.append(batch)
            del self._batches[:-MOST_IDLE]

    def __len__(self) -> int:
        return len(self._batches)

    def clear(self) -> None:
        """Drop all."""
        with self._lock:
            self._batches.clear()
