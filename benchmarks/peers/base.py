"""What every contestant can do, on token ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from benchmarks.workload import Request

Tokens = list[int]


class Peer(Protocol):
    """A loaded model that answers with exactly NEW_TOKENS tokens."""

    def greedy(self, request: Request) -> Tokens:
        """The likeliest token at each step."""

    def beam(self, request: Request) -> Tokens:
        """The best hypothesis of a beam of BEAMS."""

    def batch(self, requests: Sequence[Request]) -> list[Tokens]:
        """Greedy replies to several requests, together; shorter contexts are padded."""


def answer_greedily(peer: Any, work: list[Request]) -> list[Tokens]:
    """One request after the other."""
    return [peer.greedy(request) for request in work]


def answer_with_beams(peer: Any, work: list[Request]) -> list[Tokens]:
    """With beams, one request after the other."""
    return [peer.beam(request) for request in work]


def answer_together(peer: Any, work: list[Request]) -> list[Tokens]:
    """Greedily, all at once."""
    answers: list[Tokens] = peer.batch(work)
    return answers


class StreamingPeer(Peer, Protocol):
    """A peer whose tokens can be had one by one."""

    def stream(self, request: Request) -> Iterator[int]:
        """The tokens of `greedy`, each as soon as it is known."""


class SteppingPeer(Peer, Protocol):
    """A peer of which one part can be timed alone."""

    def encode_only(self, requests: Sequence[Request]) -> object:
        """Everything before the first step."""

    def prepare_steps(self, request: Request, rows: int) -> Steps:
        """NEW_TOKENS steps of that many rows, whose tokens are given: no search."""


class Steps(Protocol):
    """Makes the same steps each time it is called."""

    def __call__(self) -> object:
        """Logits (rows, vocabulary) of the last step, numpy's or torch's."""
