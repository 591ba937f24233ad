"""The verdict rule: three vote and the majority decides; three different verdicts need a fourth."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.evaluation.human.plan import Item
from mime_fast.evaluation.human.verdict import Choice, Scores, Vote, counted, missing, verdict

CHOICES: tuple[Choice, ...] = ("first", "second", "tie")
PAIR = Item(0, ("a", "b"))


def votes_of(choices: list[Choice]) -> list[Vote]:
    return [Vote(PAIR, f"annotator {at}", choice) for at, choice in enumerate(choices)]


@pytest.mark.parametrize(
    ("choices", "decided", "more"),
    [
        ([], None, 3),
        (["first"], None, 2),
        (["first", "first"], None, 1),
        (["first", "second"], None, 1),
        (["first", "first", "first"], "first", 0),
        (["first", "second", "first"], "first", 0),
        (["tie", "second", "tie"], "tie", 0),
        (["first", "second", "tie"], None, 1),
        (["first", "second", "tie", "second"], "second", 0),
        (["first", "second", "tie", "tie"], "tie", 0),
        (["first", "second", "tie", "first", "second", "second"], "first", 0),
        (["first", "first", "tie", "second", "second", "second"], "first", 0),
    ],
)
def test_the_rule(choices: list[Choice], decided: Choice | None, more: int) -> None:
    assert verdict(choices) == decided
    assert missing(votes_of(choices)) == more


def test_all_cases_of_three_and_four() -> None:
    for choices in product(CHOICES, repeat=3):
        votes = Counter(choices)
        majority = [choice for choice in CHOICES if votes[choice] > 1]
        assert verdict(choices) == (majority[0] if majority else None)
        for fourth in CHOICES:  # it decides only where three did not
            assert verdict([*choices, fourth]) == (majority[0] if majority else fourth)


@given(st.lists(st.sampled_from(CHOICES), max_size=9))
def test_a_verdict_is_there_when_nothing_is_missing_and_surplus_changes_none(
    choices: list[Choice],
) -> None:
    votes = votes_of(choices)
    assert (verdict(choices) is None) == (missing(votes) > 0)
    used = counted(votes)
    assert used == votes[: len(used)]
    if verdict(choices) is not None:
        assert verdict([choices[at] for at in range(len(used))]) == verdict(choices)
        assert len(used) in (3, 4)


@given(st.lists(st.tuples(*[st.integers(1, 5)] * 3), max_size=6))
def test_a_rating_needs_three_votes_however_they_differ(scores: list[tuple[int, int, int]]) -> None:
    item = Item(0, ("a",))
    votes = [Vote(item, str(at), Scores(*score)) for at, score in enumerate(scores)]
    assert missing(votes) == max(0, 3 - len(votes))
    assert list(counted(votes)) == votes[:3]
