from __future__ import annotations

import numpy as np
import pytest

from mime_fast.evaluation.significance import holm, mcnemar, paired_bleu, paired_t

WORDS = ["i", "am", "so", "sorry", "to", "hear", "that", "happened", "."]


def test_mcnemar_counts_only_what_differs() -> None:
    ours = np.array([1, 1, 1, 1, 1, 0, 1, 0, np.nan])
    theirs = np.array([0, 0, 0, 0, 0, 1, 1, 0, np.nan])
    # 5 to 1: twice the binomial tail, (1 + 6) / 2 ** 6
    assert mcnemar(ours, theirs) == pytest.approx(2 * 7 / 64)
    assert mcnemar(theirs, ours) == pytest.approx(2 * 7 / 64)
    assert mcnemar(ours, ours) == 1


def test_paired_t_by_hand() -> None:
    assert paired_t(np.array([3.0, 4.0, 8.0]), np.array([2.0, 2.0, 5.0])) == pytest.approx(
        0.0741799, abs=1e-6
    )  # t = 2 / (1 / sqrt(3)) with two degrees of freedom
    assert paired_t(np.ones(4), np.ones(4)) == 1
    assert paired_t(np.ones(4), np.zeros(4)) == 0
    assert paired_t(np.ones(1), np.zeros(1)) == 1


def test_randomised_bleu_tells_a_copy_from_noise() -> None:
    drawer = np.random.default_rng(0)
    references = [" ".join(drawer.permutation(WORDS)) for _ in range(40)]
    noise = [" ".join(drawer.permutation(WORDS)) for _ in range(40)]
    same, worse = paired_bleu(references, [references, noise], references)
    assert same == 1
    assert worse == pytest.approx(1e-4, rel=0.5)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
