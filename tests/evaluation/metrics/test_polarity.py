from __future__ import annotations

import numpy as np
import pytest

from mime_fast.evaluation.metrics.polarity import (
    agreement,
    discrimination,
    sentiments,
    turn_agreement,
)

POSITIVE = np.array([True, True, False, False])


def test_vader_rates_words() -> None:
    texts = ["Great!", "That is a shame.", "What do you do?", "Great!"]
    scores = sentiments(texts)
    assert scores[0] == scores[3] > 0 > scores[1]
    assert scores[2] == 0
    assert sentiments(["I am not happy."])[0] < 0 < sentiments(["I am happy."])[0]


def test_a_neutral_reply_agrees_with_neither_group() -> None:
    assert agreement(np.array([0.5, 0.0, 0.0, -0.5]), POSITIVE).tolist() == [1, 0, 0, 1]
    assert agreement(np.array([-0.5, 0.1, 0.5, -0.1]), POSITIVE).tolist() == [0, 1, 0, 1]


def test_a_neutral_turn_does_not_count() -> None:
    replies, turns = np.array([0.5, 0.5, 0.0, -0.5]), np.array([0.1, -0.1, 0.4, 0.0])
    found = turn_agreement(replies, turns)
    assert found[:3].tolist() == [1, 0, 0]
    assert np.isnan(found[3])


def slow_discrimination(scores: list[float], positive: list[bool]) -> float:
    """Every pair, one by one."""
    above = [score for score, good in zip(scores, positive, strict=True) if good]
    below = [score for score, good in zip(scores, positive, strict=True) if not good]
    wins = [(a > b) + (a == b) / 2 for a in above for b in below]
    return sum(wins) / len(wins)


def test_discrimination_counts_pairs() -> None:
    drawer = np.random.default_rng(0)
    scores = drawer.integers(-3, 4, 40) / 4  # many ties
    positive = drawer.random(40) < 0.4
    weights = drawer.multinomial(40, np.full(40, 1 / 40), 5).astype(float)
    statistic = discrimination(scores, positive)
    for row, found in zip(weights, statistic(weights), strict=True):
        drawn = np.repeat(np.arange(40), row.astype(int))
        expected = slow_discrimination(scores[drawn].tolist(), positive[drawn].tolist())
        assert found == pytest.approx(expected)
    assert discrimination(scores + 5, positive)(weights) == pytest.approx(statistic(weights))
    assert np.isnan(discrimination(scores, np.ones(40, bool))(weights)).all()
