"""Recognition of the speaker's emotion: 32 emotions in two groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mime_fast.emotions import EMOTIONS, POSITIVE
from mime_fast.evaluation.metrics.bootstrap import Array, Statistic

Ids = NDArray[np.int64]


def hits(gold: Ids, ranked: Sequence[Sequence[int]], top: int) -> Array:
    """1 where the emotion is among the `top` likeliest, else 0 (examples,)."""
    pairs = zip(gold.tolist(), ranked, strict=True)
    return np.array([emotion in likeliest[:top] for emotion, likeliest in pairs], np.float64)


def group_hits(gold: Ids, predicted: Ids) -> Array:
    """1 where the recognised emotion is of the label's group, positive or negative (examples,)."""
    return (is_positive(gold) == is_positive(predicted)).astype(np.float64)


def is_positive(emotions: Ids) -> NDArray[np.bool_]:
    """Whether each emotion is of the positive group."""
    return np.isin(emotions, POSITIVE)


def macro_f1(gold: Ids, predicted: Ids) -> Statistic:
    """The mean over emotions of the harmonic mean of precision and recall, in [0, 1].

    An emotion that is never recognised counts 0; one that is neither given nor recognised, too.
    """
    labels, guesses = _one_hot(gold), _one_hot(predicted)

    def statistic(weights: Array) -> Array:
        right, all_pairs = weights @ (labels * guesses), weights @ (labels + guesses)
        f1 = np.divide(2 * right, all_pairs, out=np.zeros_like(right), where=all_pairs > 0)
        return f1.mean(1)

    return statistic


def confusion(gold: Ids, predicted: Ids) -> Ids:
    """How often each emotion (row) is recognised as each (column): (emotions, emotions)."""
    return (_one_hot(gold).T @ _one_hot(predicted)).astype(np.int64)


def recalls(gold: Ids, predicted: Ids) -> dict[str, float]:
    """The share of each emotion's examples in which it is recognised, by name; absent: none."""
    counts = confusion(gold, predicted)
    shares = zip(EMOTIONS, counts.diagonal(), counts.sum(1), strict=True)
    return {name: float(right / total) for name, right, total in shares if total}


def _one_hot(emotions: Ids) -> Array:
    return np.eye(len(EMOTIONS))[emotions]
