from __future__ import annotations

import numpy as np
import pytest

from mime_fast.evaluation.metrics.bootstrap import Array, Bootstrap, Figure, exp, mean, ratio

VALUES = np.arange(400.0)
EACH = np.arange(400)  # an example a conversation


def test_the_figure_is_of_all_examples_and_its_interval_that_of_the_normal_law() -> None:
    figure = Bootstrap(EACH).figure(mean(VALUES))
    assert figure.value == pytest.approx(VALUES.mean())
    width = 1.96 * VALUES.std() / 20
    assert figure.low == pytest.approx(VALUES.mean() - width, abs=width / 8)
    assert figure.high == pytest.approx(VALUES.mean() + width, abs=width / 8)


def test_resamples_are_a_matter_of_their_seed_and_draw_every_example_as_often() -> None:
    weights = Bootstrap(np.arange(50), 200).weights
    assert (weights.sum(1) == 50).all()
    assert weights.mean(0) == pytest.approx(np.ones(50), abs=0.4)
    assert (Bootstrap(np.arange(50), 200).weights == weights).all()
    assert (Bootstrap(np.arange(50), 200, seed=1).weights != weights).any()


def test_conversations_are_drawn_as_a_whole() -> None:
    twice = np.repeat(np.arange(200), 2)
    weights = Bootstrap(twice, 50).weights
    assert (weights[:, ::2] == weights[:, 1::2]).all()
    # Pairs that are alike know as much as half as many examples: an interval sqrt(2) as wide.
    values = np.repeat(np.random.default_rng(0).normal(size=200), 2)
    narrow, wide = (Bootstrap(by).figure(mean(values)) for by in (EACH, twice))
    assert reach(wide) == pytest.approx(2**0.5 * reach(narrow), rel=0.1)


def reach(figure: Figure) -> float:
    assert figure.low is not None
    assert figure.high is not None
    return figure.high - figure.low


def test_a_difference_is_paired() -> None:
    figure = Bootstrap(EACH).difference(mean(VALUES + 1), mean(VALUES))
    assert figure.value == pytest.approx(1)
    assert figure.low == pytest.approx(1)
    assert figure.high == pytest.approx(1)


def test_examples_without_a_value_do_not_count() -> None:
    weights = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0], [0.0, 0.0, 3.0]])
    found = mean(np.array([1.0, 4.0, np.nan]))(weights)
    assert found[:2].tolist() == [2.5, 4.0]
    assert np.isnan(found[2])


def test_ratios_and_perplexities() -> None:
    weights = np.array([[1.0, 1.0], [2.0, 0.0]])
    costs = ratio(np.array([2.0, 6.0]), np.array([2.0, 2.0]))
    assert costs(weights).tolist() == [2.0, 1.0]
    assert exp(costs)(weights) == pytest.approx(np.exp([2.0, 1.0]))
    assert exp(ratio(np.array([1e6]), np.array([1.0])))(np.ones((1, 1)))[0] == np.inf


def test_an_infinite_figure_is_in_its_interval() -> None:
    def mostly_infinite(weights: Array) -> Array:
        return np.where(weights[:, 0] > 0, np.inf, weights[:, 1])

    found = Bootstrap(EACH, 200).figure(mostly_infinite)
    assert found.value == found.high == np.inf
    assert found.low is not None
    assert found.low < np.inf


def test_what_is_never_finite_has_no_interval() -> None:
    def never(weights: Array) -> Array:
        return np.full(len(weights), np.nan)

    assert Bootstrap(np.arange(3), 10).figure(never).low is None
    assert Figure(1.0).high is None
