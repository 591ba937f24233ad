"""Launches that are recorded once and replayed as one: CUDA graphs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch

RECORDING = Lock()  # a process records one graph at a time, and frees no memory meanwhile
CUDA_OUT_OF_MEMORY = 2  # cudaErrorMemoryAllocation
# Triton has no type for it.
TRITON_OUT_OF_MEMORY = "Triton Error [CUDA]: out of memory"

Launch = Callable[[], None]


class Recorder:
    """Records the launches of one engine.

    Its graphs are replayed one after the other, and leave nothing in the memory that their launches
    allocate. So all of them share that memory.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        if self._on_gpu:
            self._pool = torch.cuda.graph_pool_handle()
            # Nothing else goes there: what is freed meanwhile would leave its event in the graph.
            self._stream = torch.cuda.Stream(device)

    def record(self, launch: Launch) -> Launch:
        """What replays the launches, on the current stream; without a GPU, the launches again.

        What they read and write beside their own memory stays where it is.
        """
        if not self._on_gpu:
            return launch
        launch()  # kernels are compiled and loaded, neither of which can be recorded
        graph = torch.cuda.CUDAGraph()
        with RECORDING, torch.cuda.stream(self._stream), _no_collection():
            _capture(graph, launch, self._pool)
        replay: Launch = graph.replay
        return replay


def _capture(graph: torch.cuda.CUDAGraph, launch: Launch, pool: Any) -> None:
    """torch.cuda.graph() would wait for the whole device, and empty the allocator's cache.

    An error ends the recording. That fails too then, and says less.
    """
    graph.capture_begin(pool=pool, capture_error_mode="thread_local")
    failed: BaseException | None = None
    try:
        launch()
    except BaseException as error:  # noqa: BLE001 - it is raised below
        failed = error
    try:
        graph.capture_end()
    except RuntimeError:
        if failed is None:
            raise
    if failed is not None:
        raise failed


@contextmanager
def _no_collection() -> Iterator[None]:
    """A graph or an event that is freed meanwhile could break the recording."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory ended, or an error was caused by that."""
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError):
            return True
        if getattr(error, "error_code", None) == CUDA_OUT_OF_MEMORY:  # of a torch.AcceleratorError
            return True
        if isinstance(error, RuntimeError) and str(error).startswith(TRITON_OUT_OF_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False
