"""Figures with intervals: the same resamples for every figure and every system.

Conversations are drawn, not examples. Contexts of one conversation share a speaker, a feeling and
most of their words, so that a system's results for them are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# How often each example counts (samples, examples) -> the figure of each sample (samples,). An
# example counts once in the figure itself, and as often as it was drawn in a resample.
Statistic = Callable[[Array], Array]

RESAMPLES = 1000
TAILS = (0.025, 0.975)  # of a 95% interval


@dataclass(frozen=True)
class Figure:
    """A value, and the 95% interval that resampling gives it (None: not known)."""

    value: float
    low: float | None = None
    high: float | None = None


class Bootstrap:
    """Resamples of conversations, with replacement; always the same ones for a seed.

    conversations: of each example its conversation's number (see text.examples.conversations).
    """

    def __init__(
        self, conversations: NDArray[np.int64], resamples: int = RESAMPLES, seed: int = 0
    ) -> None:
        drawer, count = np.random.default_rng(seed), int(conversations.max()) + 1
        drawn = drawer.multinomial(count, np.full(count, 1 / count), resamples)
        # (resamples, examples): float64 for matrix products; 42 MB for the test set
        self.weights = drawn[:, conversations].astype(np.float64)

    def figure(self, statistic: Statistic) -> Figure:
        """The figure over all examples, and its interval."""
        once = np.ones((1, self.weights.shape[1]))
        return _figure(statistic(once)[0], statistic(self.weights))

    def difference(self, ours: Statistic, theirs: Statistic) -> Figure:
        """How much higher the first figure is, and the interval of that over paired resamples."""
        return self.figure(lambda weights: ours(weights) - theirs(weights))


def _figure(value: float, resampled: Array) -> Figure:
    known = resampled[~np.isnan(resampled)]  # of a few examples, a resample may lack a group
    if not known.size:
        return Figure(float(value))
    low, high = np.quantile(known, TAILS, method="nearest")  # between infinities there is nothing
    return Figure(float(value), float(low), float(high))


def mean(values: Array) -> Statistic:
    """The mean of one value an example; NaN marks examples that have none."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0), known.astype(np.float64))


def ratio(numerators: Array, denominators: Array) -> Statistic:
    """The sum of one value an example by the sum of another; NaN where that is 0."""

    def statistic(weights: Array) -> Array:
        below = weights @ denominators
        return np.divide(
            weights @ numerators, below, out=np.full_like(below, np.nan), where=below > 0
        )

    return statistic


def exp(statistic: Statistic) -> Statistic:
    """A perplexity: e to the power of another figure."""

    def raised(weights: Array) -> Array:
        with np.errstate(over="ignore"):  # infinity says what there is to say
            return np.exp(statistic(weights))

    return raised
