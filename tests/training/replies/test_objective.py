from __future__ import annotations

import math

import pytest
import torch

from mime_fast.emotions import NEGATIVE, POSITIVE
from mime_fast.models.base import Groups
from mime_fast.models.mime import Gaussian
from mime_fast.training.config import ReplyWeights
from mime_fast.training.replies.objective import (
    distillation_loss,
    divergence,
    labelled_cross_entropy,
    mixture_loss,
)
from mime_fast.training.replies.pairs import UNKNOWN


def test_rows_without_a_label_cost_nothing() -> None:
    logits = torch.tensor([[0.0, 0.0], [9.0, 0.0]])
    loss = labelled_cross_entropy(logits, torch.tensor([1, UNKNOWN]))
    assert loss.item() == pytest.approx(math.log(2))
    assert labelled_cross_entropy(logits, torch.tensor([UNKNOWN, UNKNOWN])).item() == 0


def test_a_smoothed_label_has_its_share_on_all_classes() -> None:
    logits = torch.tensor([[math.log(0.7), math.log(0.2), math.log(0.1)]])
    loss = labelled_cross_entropy(logits, torch.tensor([0]), smoothing=0.3)
    expected = -(0.8 * math.log(0.7) + 0.1 * math.log(0.2) + 0.1 * math.log(0.1))
    assert loss.item() == pytest.approx(expected)


def test_the_mixture_is_judged_in_the_group_that_holds_the_emotion() -> None:
    positive = torch.full((3, len(POSITIVE)), 1e-3)
    negative = torch.full((3, len(NEGATIVE)), 1e-3)
    positive[0, POSITIVE.index(16)], negative[1, NEGATIVE.index(5)] = 0.5, 0.25
    loss = mixture_loss(Groups(positive, negative), torch.tensor([16, 5, UNKNOWN]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_the_divergence_of_a_group_below_its_free_bits_is_the_free_bits() -> None:
    zero = torch.zeros(2, 3)
    prior, moved = Gaussian(zero, zero), Gaussian(zero + 2, zero)
    assert divergence((prior, moved), (prior, prior), 1.5).item() == pytest.approx(1.5 + 6)


def test_distillation_is_the_cross_entropy_with_the_teacher() -> None:
    log_probs = torch.tensor([[0.1, 0.2, 0.7]]).log()
    loss = distillation_loss(log_probs, torch.tensor([[2, 0]]), torch.tensor([[0.75, 0.25]]))
    expected = -(0.75 * math.log(0.7) + 0.25 * math.log(0.1))
    assert loss.tolist() == pytest.approx([expected])


@pytest.mark.parametrize(
    ("name", "value"), [("emotion", -1), ("distillation", 1.5), ("warmup", -0.1)]
)
def test_wrong_weights_are_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be"):
        ReplyWeights(**{name: value})
