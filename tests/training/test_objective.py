from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn import functional

from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS, NEGATIVE, POSITIVE
from mime_fast.models.base import initialise
from mime_fast.models.mime import Gaussian, Mime, MimeMemory
from mime_fast.text.tokenizer import EOS, PAD
from mime_fast.training.config import LossWeights
from mime_fast.training.objective import cvae_loss, mixture_loss

TOKENS = torch.tensor([[6, 7, 8, 9], [6, 10, PAD, PAD]])
SPEAKERS = torch.tensor([[6, 4, 4, 4], [6, 4, PAD, PAD]])
REPLY = torch.tensor([[8, 9, EOS], [7, EOS, PAD]])
EMOTION = torch.tensor([POSITIVE[2], NEGATIVE[5]])
LABEL = functional.one_hot(EMOTION, len(EMOTIONS)).float()


@pytest.fixture
def forward() -> tuple[Mime, MimeMemory, Tensor]:
    torch.manual_seed(0)
    config = ModelConfig(
        vocab_size=12, hidden_dim=16, num_heads=2, key_dim=8, filter_dim=8, latent_dim=4
    )
    model = Mime(config)
    initialise(model)
    noise = torch.randn(2, 2, 4)
    return model, *model(TOKENS, SPEAKERS, EMOTION, REPLY, noise)


def test_the_divergence_is_that_of_torch() -> None:
    torch.manual_seed(0)
    mean, log_variance, other_mean, other_log_variance = torch.randn(4, 3, 5)
    ours = Gaussian(mean, log_variance).divergence(Gaussian(other_mean, other_log_variance))
    theirs = kl_divergence(
        Normal(mean, (log_variance / 2).exp()), Normal(other_mean, (other_log_variance / 2).exp())
    )
    torch.testing.assert_close(ours, theirs)


def test_the_total_is_the_weighted_sum(forward: tuple[Mime, MimeMemory, Tensor]) -> None:
    _, memory, logits = forward
    weights = LossWeights(alpha=2, beta=0.5, gamma=3, delta=0.25, label_smoothing=0.1)
    loss = cvae_loss(memory, logits, REPLY, LABEL, weights, progress=1.0)
    expected = 3 * loss.response + 2 * loss.emotion + 0.5 * loss.divergence + 0.25 * loss.mixture
    torch.testing.assert_close(loss.total, expected)
    targets = torch.tensor([8, 9, EOS, 7, EOS])
    smoothed = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=0.1)
    torch.testing.assert_close(loss.response, smoothed)
    torch.testing.assert_close(loss.nll, torch.nn.functional.cross_entropy(logits, targets))


def test_beta_rises_from_nothing(forward: tuple[Mime, MimeMemory, Tensor]) -> None:
    _, memory, logits = forward
    weights = LossWeights(beta=1.0, beta_warmup=0.5)
    totals = [
        cvae_loss(memory, logits, REPLY, LABEL, weights, progress).total
        for progress in (0.0, 0.25, 0.5, 1.0)
    ]
    divergence = cvae_loss(memory, logits, REPLY, LABEL, weights, 1.0).divergence
    torch.testing.assert_close(totals[1] - totals[0], divergence / 2)
    torch.testing.assert_close(totals[3], totals[2])


def test_free_bits_are_free(forward: tuple[Mime, MimeMemory, Tensor]) -> None:
    _, memory, logits = forward
    loss = cvae_loss(memory, logits, REPLY, LABEL, LossWeights(free_bits=1e3), 1.0)
    assert loss.divergence.item() == 2e3


def test_the_mixture_loss_reads_the_gold_emotion(forward: tuple[Mime, MimeMemory, Tensor]) -> None:
    _, memory, _ = forward
    assert memory.mixture is not None
    gold = memory.mixture.positive[0, 2], memory.mixture.negative[1, 5]
    expected = -sum(math.log(share.item()) for share in gold) / 2
    assert mixture_loss(memory, LABEL).item() == pytest.approx(expected)


def test_the_losses_of_the_emotions_are_weighted_by_a_soft_label(
    forward: tuple[Mime, MimeMemory, Tensor],
) -> None:
    _, memory, logits = forward
    swapped, shares = LABEL.flip(0), (0.7, 0.3)
    soft, first, second = (
        cvae_loss(memory, logits, REPLY, label, LossWeights(), 1.0)
        for label in (shares[0] * LABEL + shares[1] * swapped, LABEL, swapped)
    )
    for name in ("emotion", "mixture", "total"):
        one, other = getattr(first, name), getattr(second, name)
        torch.testing.assert_close(getattr(soft, name), shares[0] * one + shares[1] * other)
    assert not torch.isclose(first.emotion, second.emotion)


def test_every_parameter_learns(forward: tuple[Mime, MimeMemory, Tensor]) -> None:
    model, memory, logits = forward
    cvae_loss(memory, logits, REPLY, LABEL, LossWeights(), 1.0).total.backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_the_divergence_needs_the_reply() -> None:
    config = ModelConfig(vocab_size=12, hidden_dim=16, key_dim=8, filter_dim=8, latent_dim=4)
    model = Mime(config)
    memory = model.encode(TOKENS, SPEAKERS, torch.zeros(2, 2, 4))
    with pytest.raises(ValueError, match="reply"):
        cvae_loss(memory, torch.zeros(5, 12), REPLY, LABEL, LossWeights(), 1.0)
