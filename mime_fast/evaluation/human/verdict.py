"""Which votes count, and what they decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from mime_fast.evaluation.human.plan import Item

ANNOTATORS = 3  # of an item; a fourth decides between three different verdicts

Choice = Literal["first", "second", "tie"]  # first and second system of the pair


class Scores(NamedTuple):
    """Ratings of one reply, each from 1 (worst) to 5."""

    empathy: int
    relevance: int
    fluency: int


class Vote(NamedTuple):
    """What one annotator says of one item. Revision 0 is the first answer, 1 a changed one, ..."""

    item: Item
    annotator: str
    answer: Scores | Choice
    revision: int = 0


def verdict(choices: Sequence[Choice]) -> Choice | None:
    """What the majority of one item's choices, oldest first, says; None while it is open."""
    size = _size(choices)
    return Counter(choices[:size]).most_common(1)[0][0] if len(choices) >= size else None


def counted(votes: Sequence[Vote]) -> Sequence[Vote]:
    """Those of one item's votes, oldest first, that count; the rest is surplus."""
    return votes[: _wanted(votes)]


def missing(votes: Sequence[Vote]) -> int:
    """How many more votes one item needs now; the fourth is asked for after three."""
    return max(0, _wanted(votes) - len(votes))


def _wanted(votes: Sequence[Vote]) -> int:
    compared = bool(votes) and votes[0].item.is_pair
    return _size([vote.answer for vote in votes]) if compared else ANNOTATORS


def _size(choices: Sequence[object]) -> int:
    """Number of votes that decide: one more when the first ones are all different."""
    return ANNOTATORS + (len(set(choices[:ANNOTATORS])) == ANNOTATORS)
