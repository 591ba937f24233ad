"""Paired tests of systems against a baseline, over the same examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sacrebleu.significance import PairedTest

from mime_fast.evaluation.bleu import AUTHORS
from mime_fast.evaluation.bootstrap import Array

TRIALS = 10_000  # of approximate randomisation: p-values from 1e-4


def mcnemar(ours: Array, theirs: Array) -> float:
    """Exact McNemar test of two shares, of 1 or 0 an example (NaN: left out): two-sided p.

    Only the examples in which the two differ count: a binomial test of which side they favour.
    """
    better, worse = int((ours > theirs).sum()), int((ours < theirs).sum())
    if better + worse == 0:
        return 1.0
    from scipy.stats import binomtest  # noqa: PLC0415 - a second to import, for comparisons only

    return float(binomtest(better, better + worse).pvalue)


def paired_t(ours: Array, theirs: Array) -> float:
    """Paired t-test of two means of a value an example: two-sided p."""
    differences = ours - theirs
    if len(differences) < 2:
        return 1.0
    if np.ptp(differences) == 0:  # t is 0 / 0, or infinite
        return 0.0 if differences.any() else 1.0
    from scipy.stats import ttest_1samp  # noqa: PLC0415 - as above

    return float(ttest_1samp(differences, 0).pvalue)


def paired_bleu(
    baseline: Sequence[str], systems: Sequence[Sequence[str]], references: Sequence[str]
) -> list[float]:
    """Approximate randomisation by sacrebleu of BLEU (authors' convention): p of each system."""
    named = [("baseline", baseline), *((str(i), replies) for i, replies in enumerate(systems))]
    metrics = {"BLEU": AUTHORS.metric()}
    _, found = PairedTest(named, metrics, [references], test_type="ar", n_samples=TRIALS)()
    p_values = [getattr(result, "p_value", 1.0) for result in found["BLEU"][1:]]
    # sacrebleu counts trials that differ more than the systems do: of equal ones there are none.
    same = [list(replies) == list(baseline) for replies in systems]
    return [1.0 if equal else float(p) for equal, p in zip(same, p_values, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values that hold for all comparisons of a family together (Holm 1979)."""
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable").tolist()):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted
