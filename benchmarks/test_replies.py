"""A whole reply, token ids to token ids: one, with a beam, and batches; by size and context."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks.floors import Floors, reply_seconds
from benchmarks.peers import BY_NAME, CONTESTANTS, REFERENCE, check
from benchmarks.peers.base import Tokens
from benchmarks.workload import BEAMS, Request, random_requests
from mime_fast.checkpoint import Checkpoint

BATCHES = (1, 2, 4, 8, 16, 32, 64)
CONTEXTS = (10, 20, 40, 80, 120, 200)
QUICK_BATCHES, QUICK_CONTEXTS = (1, 4, 16), (10, 40, 200)
SLOW_START = "torch.compile"  # 20 s for each shape: not in a run of three minutes
EVERYBODY = [contestant.name for contestant in CONTESTANTS]
SWEEPERS = [contestant.name for contestant in CONTESTANTS if contestant.sweeps]

Peers = Callable[[str], Any]
Run = Callable[..., None]
Answer = Callable[[Any], Sequence[Tokens]]


@pytest.fixture
def reply_race(
    race: Run, peer: Peers, reference: Any, checkpoint: Checkpoint, floors: Floors
) -> Run:
    """Checks everybody's tokens, then times everybody."""

    def run(group: str, names: Sequence[str], answer: Answer, x: int | None, **shape: int) -> None:
        expected = answer(reference)
        more = {}
        for name in names:
            contestant = BY_NAME[name]
            share = check(contestant, answer(peer(name)), expected)
            floor = reply_seconds(floors, checkpoint.config, contestant.precision, **shape)
            equal = None if contestant.agreement == "none" else share
            more[name] = {"x": x, "floor_ms": 1e3 * floor, "equal": equal}
        race(group, {name: lambda name=name: answer(peer(name)) for name in names}, more)

    return run


@pytest.fixture
def names(*, quick: bool) -> list[str]:
    return [name for name in EVERYBODY if not (quick and name == SLOW_START)]


def test_greedy(reply_race: Run, names: list[str], checkpoint: Checkpoint) -> None:
    (request,) = random_requests(checkpoint.config, 1)
    reply_race("greedy reply", [*names, REFERENCE], lambda peer: [peer.greedy(request)], None)


def test_beam(reply_race: Run, names: list[str], checkpoint: Checkpoint) -> None:
    (request,) = random_requests(checkpoint.config, 1)
    reply_race(f"beam {BEAMS} reply", names, lambda peer: [peer.beam(request)], None, beams=BEAMS)


def test_batch_of_32(
    reply_race: Run, names: list[str], checkpoint: Checkpoint, *, quick: bool
) -> None:
    requests = random_requests(checkpoint.config, 32)
    chosen = [name for name in names if not (quick and name == "authors' loop")]
    reply_race(
        "batch of 32", chosen, lambda peer: peer.batch(requests), None, requests=len(requests)
    )


@pytest.mark.parametrize("size", BATCHES)
def test_batch_sizes(
    reply_race: Run, checkpoint: Checkpoint, size: int, *, quick: bool, threads: int
) -> None:
    skip_if(quick and (size not in QUICK_BATCHES or threads > 1))
    requests: list[Request] = random_requests(checkpoint.config, size)
    reply_race("batch size", SWEEPERS, lambda peer: peer.batch(requests), size, requests=size)


@pytest.mark.parametrize("context", CONTEXTS)
def test_context_lengths(
    reply_race: Run, checkpoint: Checkpoint, context: int, *, quick: bool, threads: int
) -> None:
    skip_if(quick and (context not in QUICK_CONTEXTS or threads > 1))
    (request,) = random_requests(checkpoint.config, 1, context)
    reply_race(
        "context length", SWEEPERS, lambda peer: [peer.greedy(request)], context, context=context
    )


def skip_if(condition: bool) -> None:
    if condition:
        pytest.skip("not in a quick run")
