"""Memory that host and device share a view of, and launches that are recorded once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ALIGNED = 16  # bytes: Triton compiles better code for pointers that are

MOST_IDLE = 16  # batches of buffers that wait for the next call

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
    return torch.zeros(size, dtype=torch.uint8, pin_memory=device.type == "cuda")


class Event:
    """A point of what was asked of a device that the host can wait for."""

    def __init__(self, device: torch.device) -> None:
        self._event = torch.cuda.Event() if device.type == "cuda" else None
        if self._event is not None:
            self._event.record()

    def wait(self) -> None:
        """Until the device has come to it."""
        if self._event is not None:
            self._event.synchronize()


class Block:
    """Named arrays, of which host and device have a copy each: one transfer moves all of them."""

    def __init__(self, fields: Fields, device: torch.device) -> None:
        layout = Layout(fields)
        self._device = device
        self._memory = torch.zeros(layout.size, dtype=torch.uint8, device=device)
        self._staged = host_memory(layout.size, device)
        self.tensors = layout.tensors(self._memory)
        self.arrays = layout.arrays(self._staged.numpy())
        self._moved: Event | None = None

    def upload(self) -> None:
        """Host to device; call wait() before the arrays are written again."""
        self._memory.copy_(self._staged, non_blocking=True)
        self._moved = Event(self._device)

    def download(self) -> None:
        """Device to host; call wait() before the arrays are read."""
        self._staged.copy_(self._memory, non_blocking=True)
        self._moved = Event(self._device)

    def wait(self) -> None:
        """For the last transfer."""
        if self._moved is not None:
            self._moved.wait()


class Graph:
    """Launches that are recorded once and replayed as one: a CUDA graph.

    What they read and write stays where it is. Without a GPU they are made again each time.
    """

    replay: Callable[[], None]  # on the current stream

    def __init__(self, launch: Callable[[], None], device: torch.device) -> None:
        self.replay = _record(launch, device).replay if device.type == "cuda" else launch


RECORDING = Lock()  # a process may record one graph at a time


@cache
def _recording_stream(device: torch.device) -> torch.cuda.Stream:
    """Nothing else goes there: what is freed meanwhile would leave its event in the recording."""
    return torch.cuda.Stream(device)


def _record(launch: Callable[[], None], device: torch.device) -> torch.cuda.CUDAGraph:
    launch()  # kernels are compiled and loaded, neither of which can be recorded
    graph = torch.cuda.CUDAGraph()
    stream = _recording_stream(device)
    with RECORDING, torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        launch()
    return graph


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
