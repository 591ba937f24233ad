"""Parts of a reply: encoding, the logits of one step, the first token, the gap to the next one.

The gap is what a step costs with its search. Ours screens words there; logits it hands out are all
computed, in float32 or bfloat16.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.floors import FLOAT32, Floors, encode_seconds, step_seconds
from benchmarks.harness import Budget, Row, settled, summarise
from benchmarks.peers import BY_NAME, CONTESTANTS, OURS, check
from benchmarks.workload import BEAMS, NEW_TOKENS, Request, random_requests
from mime_fast.checkpoint import Checkpoint

STEPPERS = [each.name for each in CONTESTANTS if each.steps and each.sweeps]
STREAMERS = [each.name for each in CONTESTANTS if each.streams and each.sweeps]
Peers = Callable[[str], Any]
Run = Callable[..., None]


@pytest.fixture(scope="module")
def request_(checkpoint: Checkpoint) -> Request:
    return random_requests(checkpoint.config, 1)[0]


def test_encoding(
    race: Run, peer: Peers, floors: Floors, request_: Request, checkpoint: Checkpoint
) -> None:
    more = {
        name: {"floor_ms": 1e3 * encode_seconds(floors, checkpoint.config, BY_NAME[name].work)}
        for name in STEPPERS
    }
    race("encoding", {n: lambda n=n: peer(n).encode_only([request_]) for n in STEPPERS}, more)


@pytest.mark.parametrize("rows", [1, BEAMS, 32])
def test_logits(
    race: Run,
    peer: Peers,
    reference: Any,
    floors: Floors,
    request_: Request,
    checkpoint: Checkpoint,
    rows: int,
) -> None:
    """One of NEW_TOKENS, with its share of making the state."""
    steps = {name: peer(name).prepare_steps(request_, rows) for name in STEPPERS}
    expected = np.asarray(reference.prepare_steps(request_, rows)())
    more = {}
    for name, step in steps.items():
        contestant = BY_NAME[name]
        if contestant.agreement == "exact":
            np.testing.assert_allclose(np.asarray(step()), expected, rtol=0, atol=1e-3)
        work = FLOAT32 if name == OURS else contestant.work
        floor = step_seconds(floors, checkpoint.config, work, rows)
        more[name] = {"x": rows, "floor_ms": 1e3 * floor}
    race("all logits of a step, rows", steps, more, per=NEW_TOKENS)


def test_streaming(
    peer: Peers,
    reference: Any,
    record: Callable[[Row], None],
    budget: Budget,
    threads: int,
    floors: Floors,
    request_: Request,
    checkpoint: Checkpoint,
) -> None:
    """Not a race of calls: each reply gives one first token and many gaps."""
    expected = reference.greedy(request_)
    firsts: dict[str, list[float]] = {name: [] for name in STREAMERS}
    gaps: dict[str, list[float]] = {name: [] for name in STREAMERS}
    for name in STREAMERS:
        check(BY_NAME[name], [list(peer(name).stream(request_))], [expected])
    for _ in range(max(budget.fewest, budget.most // 10)):
        for name in STREAMERS:
            with settled():
                arrivals(peer(name), request_)  # untimed, as in a race
                first, *rest = arrivals(peer(name), request_)
            firsts[name].append(first)
            gaps[name] += rest
    for name in STREAMERS:
        work = BY_NAME[name].work
        step = step_seconds(floors, checkpoint.config, work)
        first_at_best = 1e3 * (encode_seconds(floors, checkpoint.config, work) + step)
        record(summarise("first token", name, threads, firsts[name], floor_ms=first_at_best))
        gap: dict[str, Any] = {
            "floor_ms": 1e3 * step,
            "extra": {"p99_ms": 1e3 * float(np.percentile(gaps[name], 99))},
        }
        record(summarise("gap between tokens", name, threads, gaps[name], **gap))


def arrivals(peer: Any, request: Request) -> list[float]:
    """Seconds to the first token, then between tokens."""
    times = [time.perf_counter()]
    with torch.inference_mode():
        for _ in peer.stream(request):
            times.append(time.perf_counter())  # noqa: PERF401 - a comprehension reads no clearer
    assert len(times) == NEW_TOKENS + 1
    return np.diff(times).tolist()
