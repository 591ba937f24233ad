"""Does a reply's sentiment follow the speaker's? The mimicry that MIME's paper is about.

Sentiment is VADER's compound score in [-1, 1] (Hutto and Gilbert 2014) of the text as a reader sees
it. What counts as positive or negative is its sign; 0 (no word of its lexicon) is neither.

VADER rates words, not empathy: "I am sorry to hear that" is negative (-0.08), "I am sorry to hear
that. I hope it gets better." positive (0.67). So agreement with negative contexts is low for
replies that console, and is read beside `discrimination`, which no such offset changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from mime_fast.evaluation.metrics.bootstrap import Array, Statistic


def sentiments(texts: Sequence[str]) -> Array:
    """VADER's compound score of each text (texts,)."""
    analyzer = SentimentIntensityAnalyzer()
    known = {text: analyzer.polarity_scores(text)["compound"] for text in set(texts)}
    return np.array([known[text] for text in texts], np.float64)


def agreement(replies: Array, positive: NDArray[np.bool_]) -> Array:
    """1 where a reply's score has the sign of its context's emotion group, else 0 (examples,).

    A neutral reply (0) agrees with neither group.
    """
    return np.where(positive, replies > 0, replies < 0).astype(np.float64)


def turn_agreement(replies: Array, turns: Array) -> Array:
    """1 where a reply's score has the sign of the speaker's last turn's, else 0 (examples,).

    NaN where the turn is neutral; a neutral reply agrees with no turn.
    """
    return np.where(turns == 0, np.nan, np.sign(replies) == np.sign(turns))


def discrimination(replies: Array, positive: NDArray[np.bool_]) -> Statistic:
    """How often a reply to a positive context scores above one to a negative context, in [0, 1].

    Of all pairs of the two, ties counting a half: the area under the ROC curve, 0.5 for replies
    whose sentiment ignores the speaker's. It has no threshold that an offset could shift.
    """
    order = np.argsort(replies, kind="stable")
    starts = np.unique(replies[order], return_index=True)[1]

    def statistic(weights: Array) -> Array:
        ordered = weights[:, order]
        # (samples, different scores): how much weight each score has in each group
        above = np.add.reduceat(ordered * positive[order], starts, axis=1)
        below = np.add.reduceat(ordered * ~positive[order], starts, axis=1)
        wins = (above * (below.cumsum(1) - below / 2)).sum(1)
        pairs = above.sum(1) * below.sum(1)
        return np.divide(wins, pairs, out=np.full_like(wins, np.nan), where=pairs > 0)

    return statistic
