"""A whole reply, token ids to token ids: one, with a beam, and batches; by size and context.

What a reply costs us depends a little on its words: how many must be computed in float32. So single
replies go round several requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks.floors import Floors, reply_seconds
from benchmarks.peers import BY_NAME, CONTESTANTS, OURS, REFERENCE, check
from benchmarks.peers.base import answer_greedily, answer_together, answer_with_beams
from benchmarks.workload import BEAMS, Request, random_checkpoint, random_requests
from benchmarks.works import Answer, answer_all, in_turns
from mime_fast.checkpoint import Checkpoint

BATCHES = (1, 2, 4, 8, 16, 32, 64)
CONTEXTS = (10, 20, 40, 80, 120, 200)
QUICK_BATCHES, QUICK_CONTEXTS = (1, 16), (10, 200)
REQUESTS, QUICK_REQUESTS = 16, 2  # that a single reply is asked for in turns
SLOW_START = "torch.compile"  # 20 s for each shape: not in a run of three minutes
EVERYBODY = [contestant.name for contestant in CONTESTANTS]
SWEEPERS = [contestant.name for contestant in CONTESTANTS if contestant.sweeps]

Peers = Callable[[str], Any]
Run = Callable[..., None]


@pytest.fixture
def reply_race(race: Run, peer: Peers, checkpoint: Checkpoint, floors: Floors) -> Run:
    """Checks everybody's tokens of all works, then times everybody on one work after the other."""

    def run(
        group: str,
        names: Sequence[str],
        works: Sequence[list[Request]],
        answer: Answer,
        x: int | None = None,
        **shape: int,
    ) -> None:
        expected = answer_all(peer(REFERENCE), works, answer)
        more = {}
        for name in names:
            contestant = BY_NAME[name]
            share = check(contestant, answer_all(peer(name), works, answer), expected)
            floor = reply_seconds(floors, checkpoint.config, contestant.work, **shape)
            equal = None if contestant.agreement == "none" else share
            more[name] = {"x": x, "floor_ms": 1e3 * floor, "equal": equal}
        race(group, {name: in_turns(peer(name), works, answer) for name in names}, more)

    return run


@pytest.fixture
def singles(checkpoint: Checkpoint, *, quick: bool) -> list[list[Request]]:
    """Works of one request each."""
    requests = random_requests(checkpoint.config, QUICK_REQUESTS if quick else REQUESTS)
    return [[request] for request in requests]


STRATEGIES: dict[str, Answer] = {"greedy": answer_greedily, "beam": answer_with_beams}


@pytest.fixture
def names(*, quick: bool) -> list[str]:
    return [name for name in EVERYBODY if not (quick and name == SLOW_START)]


def test_greedy(
    reply_race: Run, names: list[str], singles: list[list[Request]], *, smoke: bool
) -> None:
    chosen = EVERYBODY if smoke else names
    reply_race("greedy reply", [*chosen, REFERENCE], singles, answer_greedily)


def test_beam(reply_race: Run, names: list[str], singles: list[list[Request]]) -> None:
    reply_race(f"beam {BEAMS} reply", names, singles, answer_with_beams, beams=BEAMS)


def test_batch_of_32(
    reply_race: Run, names: list[str], checkpoint: Checkpoint, *, quick: bool
) -> None:
    requests = random_requests(checkpoint.config, 32)
    chosen = [name for name in names if not (quick and name == "authors' loop")]
    reply_race("batch of 32", chosen, [requests], answer_together, requests=len(requests))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_untrained_weights(race: Run, threads: int, strategy: str, *, smoke: bool) -> None:
    """Ours alone, where next words are all but equally likely: the others do not look at them."""
    checkpoint, answer = random_checkpoint(flat=True, tiny=smoke), STRATEGIES[strategy]
    peer, reference = (BY_NAME[name].create(checkpoint, threads) for name in (OURS, REFERENCE))
    works = [[request] for request in random_requests(checkpoint.config, QUICK_REQUESTS)]
    expected = answer_all(reference, works, answer)
    check(BY_NAME[OURS], answer_all(peer, works, answer), expected)
    race(f"{strategy} reply, untrained weights", {OURS: in_turns(peer, works, answer)})


@pytest.mark.parametrize("size", BATCHES)
def test_batch_sizes(
    reply_race: Run, checkpoint: Checkpoint, size: int, *, quick: bool, threads: int
) -> None:
    skip_if(quick and (size not in QUICK_BATCHES or threads > 1))
    requests = random_requests(checkpoint.config, size)
    reply_race("batch size", SWEEPERS, [requests], answer_together, size, requests=size)


@pytest.mark.parametrize("context", CONTEXTS)
def test_context_lengths(
    reply_race: Run, checkpoint: Checkpoint, context: int, *, quick: bool, threads: int
) -> None:
    skip_if(quick and (context not in QUICK_CONTEXTS or threads > 1))
    works = [[request] for request in random_requests(checkpoint.config, 4, context)]
    reply_race("context length", SWEEPERS, works, answer_greedily, context, context=context)


def skip_if(condition: bool) -> None:
    if condition:
        pytest.skip("not in a quick run")
