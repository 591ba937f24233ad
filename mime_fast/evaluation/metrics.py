"""Metrics of reply texts, as papers of this field report them."""

from __future__ import annotations

from collections.abc import Sequence

from sacrebleu.metrics.bleu import BLEU

Reply = Sequence[str]  # the words of one reply, tokenised


def corpus_bleu(replies: Sequence[Reply], references: Sequence[Reply]) -> float:
    """BLEU-4 in [0, 100] as multi-bleu.perl -lc computes it: pooled counts, no smoothing.

    On the authors' released outputs it gives their figures: 2.76 greedy, 3.13 beam.
    """
    if len(replies) != len(references):
        raise ValueError(f"{len(replies)} replies do not fit {len(references)} references")
    bleu = BLEU(tokenize="none", lowercase=True, smooth_method="none", force=True)
    joined = [[" ".join(reference) for reference in references]]
    return bleu.corpus_score([" ".join(reply) for reply in replies], joined).score


def distinct(replies: Sequence[Reply], size: int) -> float:
    """Different n-grams per hundred n-grams, over the corpus, within replies (Li et al. 2016)."""
    ngrams = [
        tuple(reply[start : start + size])
        for reply in replies
        for start in range(len(reply) - size + 1)
    ]
    return 100 * len(set(ngrams)) / len(ngrams) if ngrams else 0.0


def distinct_replies(replies: Sequence[Reply]) -> float:
    """The share of different replies, in [0, 1]."""
    return len({tuple(reply) for reply in replies}) / len(replies) if replies else 0.0
