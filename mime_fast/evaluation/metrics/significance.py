"""Paired tests of systems against a baseline, over the same examples.

Conversations are drawn at random, as in bootstrap.py. Tests that take their examples as independent
find differences that are none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mime_fast.evaluation.metrics.bootstrap import Array, Statistic

TRIALS = 10_000  # of approximate randomisation: p-values from 2e-4
BATCH = 50  # trials at once: two figures of 10,510 weights each


def paired_t(ours: Array, theirs: Array, conversations: NDArray[np.int64]) -> float:
    """Two-sided p of two means of a value an example (NaN: left out), paired t-test.

    Of each conversation's sum of differences: their mean is 0 where the systems do not differ.
    """
    differences = ours - theirs
    known = np.isfinite(differences)
    _, places = np.unique(conversations[known], return_inverse=True)
    sums = np.bincount(places, differences[known])
    if len(sums) < 2:
        return 1.0
    if np.ptp(sums) == 0:  # t is 0 / 0, or infinite
        return 0.0 if sums.any() else 1.0
    from scipy.stats import ttest_1samp  # noqa: PLC0415 - a second to import, for comparisons only

    return float(ttest_1samp(sums, 0).pvalue)


def randomised(statistic: Statistic, conversations: NDArray[np.int64]) -> float:
    """Two-sided p of a figure that is no mean, by approximate randomisation (Riezler, W05-0908).

    In each trial the systems exchange what they did with half of the conversations, by chance.
    statistic: the figure of 2 * len(conversations) examples, ours and then theirs.
    """
    count = int(conversations.max()) + 1
    if count < 2:
        return 1.0
    from scipy.stats import permutation_test  # noqa: PLC0415 - as above

    def difference(ours: NDArray[np.int64], _: NDArray[np.int64], axis: int) -> Array:  # noqa: ARG001
        exchanged = (np.atleast_2d(ours) >= count)[:, conversations]
        weights = np.concatenate([~exchanged, exchanged], 1).astype(np.float64)
        return statistic(weights) - statistic(1 - weights)

    data = np.arange(count), np.arange(count, 2 * count)
    found = permutation_test(
        data,
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=TRIALS,
        batch=BATCH,
        rng=0,
    )
    return float(np.squeeze(found.pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values that hold for all comparisons of a family together (Holm 1979)."""
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable").tolist()):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted
