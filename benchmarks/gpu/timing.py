"""Times on a device, which works behind the host's back."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

Launch = Callable[[], object]
REPLAYS, WARM = 20, 3
FLUSHED = 256 * 2**20  # bytes: more than any second-level cache has


def finish(device: torch.device) -> None:
    """Wait for all that the device was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_a_launch(
    launch: Launch,
    device: torch.device,
    launches: int = 20,
    prepare: Launch = lambda: None,
) -> list[float]:
    """Time of one of so many launches in a CUDA graph, by replay; without the host's part.

    prepare: untimed, before each replay.
    """
    if device.type != "cuda":
        return [_seconds_on_host(launch, prepare)]
    finish(device)  # the inputs were made on another stream
    with torch.cuda.stream(torch.cuda.Stream(device)):
        prepare()
        recorded = _record(launch, launches, device)
        seconds = [_seconds_of_replay(recorded, prepare) for _ in range(WARM + REPLAYS)]
    return [each / launches for each in seconds[WARM:]]


def seconds_cold(launch: Launch, device: torch.device) -> list[float]:
    """Time of one launch in a CUDA graph whose inputs have left the second-level cache.

    The time of an empty launch is subtracted: events around a launch measure some of its own.
    """
    if device.type != "cuda":
        return [_seconds_on_host(launch, lambda: None)]
    flushed = torch.empty(FLUSHED, dtype=torch.uint8, device=device)
    cell = torch.zeros(1, device=device)
    empty, ours = (_cold_replays(each, flushed, device) for each in (lambda: cell.add_(1), launch))
    nothing = min(empty)
    return [max(0.0, each - nothing) for each in ours]


def _cold_replays(launch: Launch, flushed: torch.Tensor, device: torch.device) -> list[float]:
    with torch.cuda.stream(torch.cuda.Stream(device)):
        recorded = _record(launch, 1, device)
        return [_seconds_of_replay(recorded, lambda: flushed.add_(1)) for _ in range(REPLAYS)]


def _record(launch: Launch, launches: int, device: torch.device) -> torch.cuda.CUDAGraph:
    """On the current stream."""
    launch()  # kernels are compiled and loaded, neither of which can be recorded
    finish(device)
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded, stream=torch.cuda.current_stream()):
        for _ in range(launches):
            launch()
    return recorded


def _seconds_of_replay(recorded: torch.cuda.CUDAGraph, prepare: Launch) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    prepare()
    start.record()
    recorded.replay()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3


def _seconds_on_host(launch: Launch, prepare: Launch) -> float:
    prepare()
    started = time.perf_counter()
    launch()
    return time.perf_counter() - started
