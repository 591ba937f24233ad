"""Diversity over seeds: how much replies to the same context differ. What stochasticity buys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from mime_fast.evaluation.metrics.bleu import AUTHORS
from mime_fast.evaluation.metrics.bootstrap import Array

Seeds = dict[int, list[str]]  # seed -> a reply a context


def distinct_shares(seeds: Seeds) -> Array:
    """Share of different replies of each context (contexts,), in [1 / seeds, 1]."""
    return np.array([len(set(replies)) / len(replies) for replies in _by_context(seeds)])


def self_bleu(seeds: Seeds) -> Array:
    """How much the replies of each context repeat each other (contexts,), in [0, 100].

    The mean of the BLEU-4 of each reply with the others as its references (Zhu et al. 2018), here
    of one sentence: up to the longest n-gram that it has, smoothed exponentially. 100: all alike.
    """
    metric = AUTHORS.metric()
    metric.effective_order, metric.smooth_method = True, "exp"

    @cache  # many replies are alike
    def score(reply: str, others: frozenset[str]) -> float:
        return metric.sentence_score(reply, sorted(others)).score

    return np.array(
        [
            np.mean(
                [
                    score(reply, frozenset(replies[:place] + replies[place + 1 :]))
                    for place, reply in enumerate(replies)
                ]
            )
            for replies in _by_context(seeds)
        ]
    )


def _by_context(seeds: Seeds) -> Sequence[list[str]]:
    """The replies of all seeds to each context."""
    return [list(replies) for replies in zip(*seeds.values(), strict=True)]
