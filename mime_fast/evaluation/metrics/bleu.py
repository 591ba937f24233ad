"""BLEU under its two conventions, from the counts of each example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from mime_fast.evaluation.metrics.bootstrap import Array, Statistic

ORDER = 4  # longest n-gram


@dataclass(frozen=True)
class Convention:
    """What BLEU is called by that name: see sacrebleu's BLEU."""

    tokenize: str
    lowercase: bool
    smooth_method: str

    def metric(self) -> BLEU:
        """The implementation of sacrebleu; force: that the text is tokenised is known."""
        return BLEU(
            self.lowercase, force=True, tokenize=self.tokenize, smooth_method=self.smooth_method
        )

    @property
    def signature(self) -> str:
        """How sacrebleu names it, with its own version."""
        metric = self.metric()
        metric.corpus_score(["a reply"], [["its only reference"]])  # it counts references only then
        return str(metric.get_signature())


# As multi-bleu.perl -lc: on the authors' released outputs it gives their 2.76, 3.13 and 1.76.
AUTHORS = Convention("none", lowercase=True, smooth_method="none")
SACREBLEU = Convention("13a", lowercase=False, smooth_method="exp")
CONVENTIONS = {"bleu": AUTHORS, "bleu_13a": SACREBLEU}


def corpus_bleu(
    convention: Convention, replies: Sequence[str], references: Sequence[str]
) -> Statistic:
    """BLEU-4 in [0, 100] of texts of words joined by blanks, pooled over the examples.

    Raises:
        ValueError: there is not one reference a reply.
    """
    if len(replies) != len(references):
        raise ValueError(f"{len(replies)} replies do not fit {len(references)} references")
    counts = _counts(convention, replies, references)

    def statistic(weights: Array) -> Array:
        return np.array([_score(convention, row) for row in weights @ counts])

    return statistic


def _counts(convention: Convention, replies: Sequence[str], references: Sequence[str]) -> Array:
    """(examples, 2 + 2 ORDER): lengths of reply and reference, n-grams that match, n-grams."""
    counter = convention.metric()
    counter.effective_order = True  # only the counts of a sentence are used, never its score
    scores = [counter.sentence_score(a, [b]) for a, b in zip(replies, references, strict=True)]
    return np.array([[s.sys_len, s.ref_len, *s.counts, *s.totals] for s in scores], np.float64)


def _score(convention: Convention, counts: Array) -> float:
    length, reference_length, *ngrams = (int(count) for count in counts)
    return BLEU.compute_bleu(
        ngrams[:ORDER],
        ngrams[ORDER:],
        length,
        reference_length,
        smooth_method=convention.smooth_method,
    ).score
