"""Times on a device, which works behind the host's back."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

Launch = Callable[[], object]
REPLAYS, WARM = 20, 3


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
    stream = torch.cuda.Stream(device)
    with torch.cuda.stream(stream):
        prepare()
        launch()  # kernels are compiled and loaded, neither of which can be recorded
        finish(device)
        recorded = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recorded, stream=stream):
            for _ in range(launches):
                launch()
        seconds = [_seconds_of_replay(recorded, prepare) for _ in range(WARM + REPLAYS)]
    return [each / launches for each in seconds[WARM:]]


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
