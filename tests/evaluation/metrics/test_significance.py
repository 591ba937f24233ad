from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sacrebleu.significance import PairedTest, Result

from mime_fast.evaluation.metrics.bleu import AUTHORS, corpus_bleu
from mime_fast.evaluation.metrics.significance import TRIALS, holm, paired_t, randomised

WORDS = ["i", "am", "so", "sorry", "to", "hear", "that", "happened", "."]


def test_paired_t_by_hand() -> None:
    ours, theirs = np.array([3.0, 4.0, 8.0]), np.array([2.0, 2.0, 5.0])
    # t = 2 / (1 / sqrt(3)) with two degrees of freedom
    assert paired_t(ours, theirs, np.arange(3)) == pytest.approx(0.0741799, abs=1e-6)
    assert paired_t(np.ones(4), np.ones(4), np.arange(4)) == 1
    assert paired_t(np.ones(4), np.zeros(4), np.arange(4)) == 0
    assert paired_t(np.ones(1), np.zeros(1), np.arange(1)) == 1


def test_a_conversation_counts_once() -> None:
    ours = np.array([3.0, 0.0, 4.0, 8.0, np.nan, 9.0])
    theirs = np.array([1.0, 1.0, 2.0, 5.0, 7.0, np.nan])
    conversations = np.array([0, 0, 1, 2, 2, 3])  # sums of differences: 1, 2, 3, none
    assert paired_t(ours, theirs, conversations) == pytest.approx(0.0741799, abs=1e-6)
    doubled = np.repeat(np.arange(4), 2)
    values = np.repeat([1.0, 2.0, 3.0, -1.0], 2)
    once = paired_t(values[::2], np.zeros(4), np.arange(4))
    assert paired_t(values, np.zeros(8), doubled) == pytest.approx(once)


@pytest.fixture
def noise() -> tuple[list[str], list[str], list[str]]:
    """References, and two systems: the second says what is meant, a little more often."""
    drawer = np.random.default_rng(0)
    references = [" ".join(drawer.permutation(WORDS)) for _ in range(60)]
    worse = [" ".join(drawer.permutation(WORDS)) for _ in range(60)]
    better = [*references[:3], *(" ".join(drawer.permutation(WORDS)) for _ in range(57))]
    return references, worse, better


def bleu_p(ours: list[str], theirs: list[str], references: list[str], by: Any) -> float:
    both = corpus_bleu(AUTHORS, [*ours, *theirs], references * 2)
    return randomised(both, by)


def test_of_one_example_a_conversation_it_is_sacrebleus_test(
    noise: tuple[list[str], list[str], list[str]],
) -> None:
    references, worse, better = noise
    systems: list[tuple[str, Sequence[str]]] = [("worse", worse), ("better", better)]
    metrics = {"BLEU": AUTHORS.metric()}
    found = PairedTest(systems, metrics, [references], test_type="ar", n_samples=TRIALS)()[1]
    result = found["BLEU"][1]
    assert isinstance(result, Result)
    expected = result.p_value
    assert expected is not None
    assert 0.01 < expected < 0.5
    assert bleu_p(better, worse, references, np.arange(60)) == pytest.approx(expected, abs=0.02)


def test_randomisation_tells_a_copy_from_noise(
    noise: tuple[list[str], list[str], list[str]],
) -> None:
    references, worse, _ = noise
    by = np.arange(60)
    assert bleu_p(references, references, references, by) == 1
    assert bleu_p(references, worse, references, by) == pytest.approx(2 / (TRIALS + 1))


def test_conversations_are_exchanged_as_a_whole(
    noise: tuple[list[str], list[str], list[str]],
) -> None:
    """Two conversations can be exchanged in four ways, and half of them are as far apart."""
    references, worse, _ = noise
    assert bleu_p(references, worse, references, np.repeat([0, 1], 30)) == 0.5


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
