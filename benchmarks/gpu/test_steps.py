"""Parts of a reply: encoding alone, and what one more token costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import pytest
import torch

from benchmarks.floors import Floors, encode_seconds, step_seconds
from benchmarks.gpu.contestants import BY_NAME, SWEEPERS
from benchmarks.gpu.names import OF_OURS
from benchmarks.gpu.timing import finish
from benchmarks.harness import Call, Row, Seconds
from benchmarks.peers.engine import EnginePeer
from benchmarks.workload import BEAM, BEAMS, GREEDY, REHEARSAL, Request, random_requests
from mime_fast.checkpoint import Checkpoint
from mime_fast.config import GenerationConfig
from mime_fast.engines.cuda.decoding import CHECKED

# Whole recordings of CHECKED steps, around 20 and 40: their difference has no other part in it.
SHORT, LONG = (1, 2) if REHEARSAL else (3 * CHECKED, 5 * CHECKED)


@pytest.mark.parametrize("size", [1, 256])
def test_encoding(
    race: Callable[..., None],
    peer: Callable[[str], Any],
    floors: Floors,
    checkpoint: Checkpoint,
    device: torch.device,
    size: int,
    *,
    rehearsed: bool,
) -> None:
    requests = random_requests(checkpoint.config, min(size, 2) if rehearsed else size)
    more, calls = {}, {}
    for name in SWEEPERS:
        work = BY_NAME[name].work
        floor = encode_seconds(floors, checkpoint.config, work, requests=len(requests))
        more[name] = {"x": size, "floor_ms": 1e3 * floor}
        calls[name] = _encode(peer(name), requests, device)
    race("encoding, requests", calls, more)


def _encode(peer: Any, requests: list[Request], device: torch.device) -> Callable[[], None]:
    def run() -> None:
        peer.encode_only(requests)
        finish(device)

    return run


@pytest.mark.parametrize(
    ("group", "options", "rows"),
    [
        ("step of a greedy reply", GREEDY, 1),
        (f"step of a beam of {BEAMS}", BEAM, BEAMS),
    ],
    ids=["greedy", "beam"],
)
def test_step(
    peer: Callable[[str], Any],
    floors: Floors,
    record: Callable[[Row], None],
    take_turns: Callable[[Mapping[str, Call]], Seconds],
    checkpoint: Checkpoint,
    group: str,
    options: GenerationConfig,
    rows: int,
) -> None:
    """The longer reply less the shorter one, over the steps that it has more."""
    (request,) = random_requests(checkpoint.config, 1)
    kinds = [(name, length) for name in OF_OURS for length in (SHORT, LONG)]
    calls = {
        f"{name} {length}": _reply(peer(name), request, options, length) for name, length in kinds
    }
    seconds = take_turns(calls)
    for name in OF_OURS:
        short, long = (median(seconds[f"{name} {length}"]) for length in (SHORT, LONG))
        step = 1e3 * (long - short) / (LONG - SHORT)
        floor = 1e3 * step_seconds(floors, checkpoint.config, BY_NAME[name].work, rows)
        rounds = len(seconds[f"{name} {LONG}"])
        record(
            Row(
                group=group,
                contestant=name,
                threads=1,
                median_ms=step,
                p10_ms=step,
                p90_ms=step,
                rounds=rounds,
                floor_ms=floor,
            )
        )


def _reply(
    peer: EnginePeer, request: Request, options: GenerationConfig, length: int
) -> Callable[[], None]:
    config = options.replace(min_new_tokens=length, max_new_tokens=length)

    def run() -> None:
        decoding = peer.engine.decode(peer.encode_only([request]), config, [0])
        decoding.run()
        assert len(decoding.results(0)[0].tokens) == length

    return run
