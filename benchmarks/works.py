"""Works of some requests each: all are answered to be checked, one after the other to be timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from benchmarks.harness import Call
from benchmarks.peers.base import Tokens
from benchmarks.workload import Request

Answer = Callable[[Any, list[Request]], Sequence[Tokens]]


def answer_all(peer: Any, works: Sequence[list[Request]], answer: Answer) -> list[Tokens]:
    """The replies to the requests of all works."""
    return [reply for work in works for reply in answer(peer, work)]


def in_turns(peer: Any, works: Sequence[list[Request]], answer: Answer) -> Call:
    """A call that answers the next work; the first follows the last."""
    turns = cycle(works)
    return lambda: answer(peer, next(turns))
