"""A whole reply, token ids to token ids: the headline times of ours, beside eager alone."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.gpu.names import OF_OURS
from benchmarks.peers import REFERENCE
from benchmarks.peers.base import answer_greedily, answer_together, answer_with_beams
from benchmarks.workload import BEAMS, Request, random_requests
from mime_fast.checkpoint import Checkpoint

LARGEST = 256  # requests of a batch
# Another order of summation changes none of these: no beam has a choice closer than 2e-4, and no
# greedy reply of 256 one closer than 1e-4.
REQUESTS = 8
NAMES = [*OF_OURS, REFERENCE]

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
    size = 2 if rehearsed else LARGEST
    works = [random_requests(checkpoint.config, size)]
    reply_race("batch of 256", names, works, answer_together, requests=size)


def test_greedy(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_greedy(reply_race, NAMES, checkpoint, rehearsed=rehearsed)


def test_beam(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_beam(reply_race, NAMES, checkpoint, rehearsed=rehearsed)


def test_batch_of_256(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_batch(reply_race, NAMES, checkpoint, rehearsed=rehearsed)
