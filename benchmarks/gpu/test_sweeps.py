"""Replies by size of the batch and by length of the context."""

from __future__ import annotations

import pytest

from benchmarks.gpu.contestants import SWEEPERS
from benchmarks.gpu.test_replies import ReplyRace
from benchmarks.peers.base import answer_greedily, answer_together
from benchmarks.workload import random_requests
from mime_fast.checkpoint import Checkpoint

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONTEXTS = (10, 20, 40, 80, 120, 200)
REHEARSED_BATCHES, REHEARSED_CONTEXTS = (2,), (10,)


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
