"""The races of single replies, beams and batches once more, torch.compile among the others.

It comes last: if it takes too long to compile, what was measured before is not lost.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from benchmarks.gpu.contestants import COMPILED, CONTESTANTS
from benchmarks.gpu.test_replies import ReplyRace, race_batch, race_beam, race_greedy
from benchmarks.harness import Row, summarise
from benchmarks.workload import REHEARSAL, random_requests
from mime_fast.checkpoint import Checkpoint

NAMES = [COMPILED] if REHEARSAL else [contestant.name for contestant in CONTESTANTS]


def test_first_reply(
    peer: Callable[[str], Any], checkpoint: Checkpoint, record: Callable[[Row], None]
) -> None:
    """What compiling costs: the first reply, and another for what is recorded then."""
    (request,) = random_requests(checkpoint.config, 1)
    started = perf_counter()
    for _ in range(2):
        peer(COMPILED).greedy(request)
    extra = {"graphs_skipped": float(skipped_graphs())}
    record(summarise("compiling", COMPILED, 1, [perf_counter() - started], extra=extra))


def skipped_graphs() -> int:
    """Functions that torch could not make a CUDA graph of: if any, this peer is not at its best."""
    from torch._dynamo.utils import counters  # noqa: PLC0415 - it takes a second

    return int(counters["inductor"]["cudagraph_skips"])


def test_greedy(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_greedy(reply_race, NAMES, checkpoint, rehearsed=rehearsed)


def test_beam(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_beam(reply_race, NAMES, checkpoint, rehearsed=rehearsed)


def test_batch_of_256(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_batch(reply_race, NAMES, checkpoint, rehearsed=rehearsed)
