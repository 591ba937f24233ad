"""Minimum Bayes risk: of several samples, the one that is most like all of them.

Kumar and Byrne, N04-1022; that a text model's samples tell more than its mode: Eikema and Aziz,
2020.coling-main.398.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mime_fast.search.hypothesis import Hypothesis

# The weight of the logarithm of a reply's length, beside its mean F1 and its relevance. Both are at
# most 1. Validation examples chose it: without it the shortest sample wins too often.
LENGTH_WEIGHT = 0.3


def by_consensus(
    hypotheses: Sequence[Hypothesis], bonus: NDArray[np.float64] | float = 0.0
) -> list[Hypothesis]:
    """All of them, the one of the highest expected utility first; of equals the earlier one.

    bonus: (hypotheses,) added to the utilities.
    """
    utilities = expected_utilities([hypothesis.tokens for hypothesis in hypotheses]) + bonus
    return [hypotheses[index] for index in np.argsort(-utilities, kind="stable")]


def expected_utilities(sequences: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """(sequences,) mean F1 of each one's tokens, in any order, with those of every one.

    Sequences hold a token at least; the end of a reply counts as one.
    """
    lengths = np.array([len(tokens) for tokens in sequences])
    words, columns = np.unique(np.concatenate(sequences), return_inverse=True)
    counts = np.zeros((len(sequences), len(words)), np.int64)
    np.add.at(counts, (np.arange(len(sequences)).repeat(lengths), columns), 1)
    shared = np.zeros((len(sequences), len(sequences)))
    for times in range(1, counts.max() + 1):  # a minimum of counts is how many times both reach
        reach = (counts >= times).astype(np.float64)
        shared += reach @ reach.T
    return (2 * shared / (lengths[:, None] + lengths)).mean(-1)


def length_bonus(sequences: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """(sequences,) what the length of each adds to its utility.

    Of two that fit as well, the longer one says more. A short one has a high F1 by itself: it holds
    little but what all samples share.
    """
    return np.array([LENGTH_WEIGHT * math.log(len(tokens)) for tokens in sequences])
