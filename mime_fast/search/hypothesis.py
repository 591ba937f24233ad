"""The noun of a search: one (partial) reply."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mime_fast.types import FloatArray


class Hypothesis(NamedTuple):
    """Token ids with their log-probability; finished ones end in end-of-reply, which counts."""

    tokens: tuple[int, ...] = ()
    log_prob: float = 0.0
    log_probs: tuple[float, ...] = ()  # of each token; they add up to log_prob

    def extend(self, token: int, log_prob: float) -> Hypothesis:
        """One token longer."""
        log_probs = (*self.log_probs, log_prob)
        return Hypothesis((*self.tokens, token), self.log_prob + log_prob, log_probs)

    def score(self, length_penalty: float) -> float:
        """log_prob / length ** length_penalty (Wu et al. 2016 in CTranslate2's simple form)."""
        return self.log_prob / max(1, len(self.tokens)) ** length_penalty


def log_softmax(logits: FloatArray) -> NDArray[np.float64]:
    """Over the last axis; blocked entries stay -inf."""
    exact = logits.astype(np.float64)  # so that hypotheses that differ do not tie by rounding
    best = exact.max(-1, keepdims=True)
    return exact - (best + np.log(np.exp(exact - best).sum(-1, keepdims=True)))
