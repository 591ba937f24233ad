"""The slow twin of csrc/search/constraints.h: what must not, and should less likely, follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mime_fast.config import GenerationConfig
from mime_fast.text.special import EOS, NEVER_GENERATED
from mime_fast.types import FloatArray


@dataclass(frozen=True)
class Constraints:
    """Applied to logits before they are normalised, as CTranslate2 does: blocked words get -inf."""

    options: GenerationConfig
    blocked: Sequence[int] = NEVER_GENERATED
    bad_words: Sequence[tuple[int, ...]] = ()

    def apply(self, logits: FloatArray, prefixes: Sequence[tuple[int, ...]]) -> FloatArray:
        """Logits (rows, vocabulary) and each row's tokens so far -> constrained copy."""
        constrained = logits.copy()
        for row, prefix in zip(constrained, prefixes, strict=True):
            self._penalise_repetition(row, prefix)
            row[list(self.blocked)] = -np.inf
            if len(prefix) < self.options.min_new_tokens:
                row[EOS] = -np.inf
            self._block_bad_words(row, prefix)
            self._block_repeated_ngrams(row, prefix)
            _check(row)
            if not np.isfinite(row).any():
                row[EOS] = 0  # every word is blocked: the reply ends, whatever its length
        return constrained

    def _penalise_repetition(self, row: FloatArray, prefix: tuple[int, ...]) -> None:
        penalty = self.options.repetition_penalty
        if penalty != 1 and prefix:
            seen = np.unique(prefix)
            old = row[seen]
            row[seen] = np.where(old > 0, old / penalty, old * penalty)  # Keskar et al. 2019

    def _block_bad_words(self, row: FloatArray, prefix: tuple[int, ...]) -> None:
        for *before, last in self.bad_words:
            if prefix[max(0, len(prefix) - len(before)) :] == tuple(before):
                row[last] = -np.inf

    def _block_repeated_ngrams(self, row: FloatArray, prefix: tuple[int, ...]) -> None:
        size = self.options.no_repeat_ngram_size
        if not size or len(prefix) < size:
            return
        tail = prefix[len(prefix) - size + 1 :]
        for start in range(len(prefix) - size + 1):
            word = prefix[start + size - 1]
            if prefix[start : start + size - 1] == tail and word != EOS:
                row[word] = -np.inf


def _check(row: FloatArray) -> None:
    bad = np.flatnonzero(np.isnan(row) | np.isposinf(row))
    if len(bad):
        raise ValueError(f"logits must be finite or -inf, got {row[bad[0]]} at id {bad[0]}")
