"""The headline races again, with everybody that needs no compiling."""

from __future__ import annotations

from benchmarks.gpu.contestants import AUTHORS, SWEEPERS
from benchmarks.gpu.test_replies import ReplyRace, race_batch, race_beam, race_greedy
from mime_fast.checkpoint import Checkpoint

# What takes half a minute to compile comes last: see test_compiled.py.
AT_ONCE = [*SWEEPERS, AUTHORS]


def test_greedy(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_greedy(reply_race, AT_ONCE, checkpoint, rehearsed=rehearsed)


def test_beam(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_beam(reply_race, AT_ONCE, checkpoint, rehearsed=rehearsed)


def test_batch_of_256(reply_race: ReplyRace, checkpoint: Checkpoint, *, rehearsed: bool) -> None:
    race_batch(reply_race, AT_ONCE, checkpoint, rehearsed=rehearsed)
