from __future__ import annotations

import pytest

from mime_fast.evaluation.metrics.diversity import distinct_shares, self_bleu

SAME = "i am sorry to hear that ."
SEEDS = {0: [SAME, "what happened ?"], 1: [SAME, "oh no !"], 5: [SAME, "oh no !"]}


def test_alike_and_different_replies() -> None:
    assert distinct_shares(SEEDS).tolist() == pytest.approx([1 / 3, 2 / 3])
    alike, different = self_bleu(SEEDS)
    assert alike == pytest.approx(100)
    # Two find themselves among the others; the third shares no word with them.
    assert different == pytest.approx(200 / 3)


def test_each_seed_answers_the_same_contexts() -> None:
    with pytest.raises(ValueError, match="zip"):
        self_bleu({0: ["a"], 1: ["a", "b"]})
