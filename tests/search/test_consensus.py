"""Minimum Bayes risk, beside its definition."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.search.consensus import by_consensus, expected_utilities, length_bonus
from mime_fast.search.hypothesis import Hypothesis

REPLIES = st.lists(st.lists(st.integers(2, 9), min_size=1, max_size=12), min_size=1, max_size=9)


def f1(one: list[int], other: list[int]) -> float:
    shared = (Counter(one) & Counter(other)).total()
    return 2 * shared / (len(one) + len(other))


@given(replies=REPLIES)
def test_the_utility_is_the_mean_f1_with_all(replies: list[list[int]]) -> None:
    expected = [np.mean([f1(one, other) for other in replies]) for one in replies]
    np.testing.assert_allclose(expected_utilities(replies), expected)


def test_what_most_samples_say_comes_first() -> None:
    common, near, far = (7, 8, 9, 2), (7, 8, 5, 2), (3, 4, 2)
    ranked = by_consensus([Hypothesis(tokens) for tokens in (far, near, common, common)])
    assert [hypothesis.tokens for hypothesis in ranked] == [common, common, near, far]


def test_of_equals_the_first_drawn_comes_first() -> None:
    drawn = [Hypothesis((word, 2), -float(word)) for word in (5, 4, 6)]
    assert by_consensus(drawn) == drawn
    assert by_consensus(drawn[:1]) == drawn[:1]


def test_of_two_that_fit_as_well_the_longer_one_comes_first() -> None:
    short, long = Hypothesis((7, 2)), Hypothesis((7, 8, 9, 2))
    samples = [short, long]
    assert by_consensus(samples) == [short, long]
    bonus = length_bonus([each.tokens for each in samples])
    np.testing.assert_allclose(bonus, [0.3 * np.log(2), 0.3 * np.log(4)])
    assert by_consensus(samples, bonus) == [long, short]
