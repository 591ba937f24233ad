"""A whole reply, token ids to token ids: one, with a beam, and batches; by size and context."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.gpu.contestants import AUTHORS, CONTESTANTS, SWEEPERS
from benchmarks.peers import REFERENCE
from benchmarks.peers.base import answer_greedily, answer_together, answer_with_beams
from benchmarks.workload import BEAMS, Request, random_requests
from mime_fast.checkpoint import Checkpoint

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONTEXTS = (10, 20, 40, 80, 120, 200)
REHEARSED_BATCHES, REHEARSED_CONTEXTS = (2,), (10,)
# No beam of these has a choice closer than 2e-4, and no greedy reply, of 256, one closer than 1e-4:
# another order of summation changes none of them.
REQUESTS = 8
# What takes half a minute to compile comes last: see test_compiled.py.
AT_ONCE = [*SWEEPERS, AUTHORS]
EVERYBODY = [contestant.name for contestant in CONTESTANTS]

ReplyRace = Callable[..., None]


def singles(checkpoint: Checkpoint, *, rehearsed: bool) -> list[list[Request]]:
    """Works of one request each."""
    count = 1 if rehearsed else REQUESTS
    return [[request] for request in random_requests(checkpoint.config, count)]


def race_greedy(
    reply_race: ReplyRace, names: list[str], checkpoint: Checkpoint, *, rehearsed: bool
) -> None:
    works = singles(checkpoint, rehearsed=rehearsed)
    reply_race("greedy reply", names, works, answer_greedily)


def race_beam(
    reply_race: ReplyRace, names: list[str], checkpoint: Checkpoint, *, rehearsed: bool
) -> None:
    works = singles(checkpoint, rehearsed=rehearsed)
    reply_race(f"beam {BEAMS} reply", names, works, answer_with_beams, beams=BEAMS)


def race_batch(
    reply_race: ReplyRace, names: list[str], checkpoint: Checkpoint, *, rehearsed: bool
) -> None:
    size = REHEARSED_BATCHES[-1] if rehearsed else BATCHES[-1]
    works = [random_requests(checkpoint.config, size)]
    reply_race("batch of 256", names, works, answer_together, requests=size)


def test_greedy(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_greedy(reply_race, [*AT_ONCE, REFERENCE], checkpoint, rehearsed=rehearsed)


def test_beam(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_beam(reply_race, AT_ONCE, checkpoint, rehearsed=rehearsed)


def test_batch_of_256(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_batch(reply_race, AT_ONCE, checkpoint, rehearsed=rehearsed)


@pytest.mark.parametrize("size", BATCHES)
def test_batch_sizes(
    reply_race: ReplyRace, checkpoint: Checkpoint, size: int, *, rehearsed: bool
) -> None:
    skip_if(rehearsed and size not in REHEARSED_BATCHES)
    works = [random_requests(checkpoint.config, size)]
    reply_race("batch size", SWEEPERS, works, answer_together, size, requests=size)


@pytest.mark.parametrize("context", CONTEXTS)
def test_context_lengths(
    reply_race: ReplyRace, checkpoint: Checkpoint, context: int, *, rehearsed: bool
) -> None:
    skip_if(rehearsed and context not in REHEARSED_CONTEXTS)
    works = [
        [request] for request in random_requests(checkpoint.config, 1 if rehearsed else 4, context)
    ]
    reply_race("context length", SWEEPERS, works, answer_greedily, context, context=context)


def skip_if(condition: bool) -> None:
    if condition:
        pytest.skip("not in a rehearsal")
