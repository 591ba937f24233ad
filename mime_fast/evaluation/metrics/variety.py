"""How varied, how long and how formulaic replies are. A reply is words joined by blanks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from mime_fast.evaluation.metrics.bootstrap import Array

FREQUENT = 10  # replies that are listed


def distinct(replies: Sequence[str], size: int) -> float:
    """Different n-grams per hundred n-grams, over the corpus, within replies (Li et al. 2016).

    It falls as a corpus grows: compare corpora of the same size only.
    """
    ngrams = [
        tuple(words[start : start + size])
        for words in map(str.split, replies)
        for start in range(len(words) - size + 1)
    ]
    return 100 * len(set(ngrams)) / len(ngrams) if ngrams else 0.0


def distinct_replies(replies: Sequence[str]) -> float:
    """The share of different replies, in [0, 1]."""
    return len(set(replies)) / len(replies) if replies else 0.0


def lengths(replies: Sequence[str]) -> Array:
    """Words of each reply (replies,), punctuation counted."""
    return np.array([len(reply.split()) for reply in replies], np.float64)


def most_frequent(replies: Sequence[str]) -> list[tuple[str, int]]:
    """The FREQUENT most frequent replies and how often each is given."""
    return Counter(replies).most_common(FREQUENT)
