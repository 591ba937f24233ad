"""What training minimises: our reading of the paper (`cvae`) and the released code's loss."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from mime_fast.emotions import NEGATIVE, POSITIVE
from mime_fast.models.base import EncoderMemory
from mime_fast.models.mime import MimeMemory
from mime_fast.text.tokenizer import PAD
from mime_fast.training.config import LossWeights


class Loss(NamedTuple):
    """Scalars; `total` is what is minimised."""

    total: Tensor
    response: Tensor  # nats a token, label-smoothed
    nll: Tensor  # nats a token, not smoothed: what perplexity is the exponential of
    emotion: Tensor
    divergence: Tensor
    mixture: Tensor


def cvae_loss(
    memory: EncoderMemory,
    logits: Tensor,
    reply: Tensor,
    soft_label: Tensor,
    weights: LossWeights,
    progress: float,
) -> Loss:
    """The objective that our models train with; all in float32.

    The last two terms are MIME's, the divergence only where it draws.

    logits: (tokens, vocabulary), those of the reply's real tokens.
    reply: (batch, length).
    soft_label: (batch, 32), shares of the speaker's emotions.
    progress: the share of training that is done, which anneals beta.
    """
    targets = reply[reply != PAD]
    log_probs = logits.float().log_softmax(-1)
    nll = functional.nll_loss(log_probs, targets)
    smoothed = nll
    if weights.label_smoothing:
        uniform = -log_probs.mean()
        smoothed = (1 - weights.label_smoothing) * nll + weights.label_smoothing * uniform
    classification = functional.cross_entropy(memory.emotion_logits, soft_label)
    divergence = kl_divergence(memory, weights.free_bits)
    mixture = torch.zeros_like(nll)
    if isinstance(memory, MimeMemory):
        mixture = mixture_loss(memory, soft_label)
    beta = weights.beta * min(1.0, progress / weights.beta_warmup if weights.beta_warmup else 1.0)
    total = (
        weights.gamma * smoothed
        + weights.alpha * classification
        + beta * divergence
        + weights.delta * mixture
    )
    return Loss(
        total=total,
        response=smoothed,
        nll=nll,
        emotion=classification,
        divergence=divergence,
        mixture=mixture,
    )


def kl_divergence(memory: EncoderMemory, free_bits: float = 0.0) -> Tensor:
    """KL(posterior || prior) of both groups: sum over the latent, mean over the batch (Eq. 16).

    0 for systems without latents.
    """
    if not isinstance(memory, MimeMemory):
        return torch.zeros((), device=memory.context.device)
    if memory.posterior is None:
        raise ValueError("the posterior is only inferred when encode() is given the reply")
    groups = zip(memory.posterior, memory.prior, strict=True)
    divergences = [posterior.divergence(prior).sum(-1).mean() for posterior, prior in groups]
    return torch.stack([value.clamp(min=free_bits) for value in divergences]).sum()


def mixture_loss(memory: MimeMemory, soft_label: Tensor) -> Tensor:
    """-log d_g[e] of the emotions e, each in its group, weighted by their shares (batch, 32)."""
    assert memory.mixture is not None  # noqa: S101 - MIME always has one
    order = torch.tensor([*POSITIVE, *NEGATIVE], device=soft_label.device)
    both = torch.cat(list(memory.mixture), -1)  # (batch, 32) in the groups' order
    return -(soft_label[:, order] * both.clamp(min=1e-9).log()).sum(-1).mean()


def released_loss(memory: EncoderMemory, logits: Tensor, reply: Tensor, emotion: Tensor) -> Loss:
    """The released code's loss (its section 5): sums over tokens and latents, mean cross-entropy.

    Label smoothing 0.1 spread over V - 2 words: neither the target nor PAD.
    """
    targets = reply[reply != PAD]
    log_probs = logits.log_softmax(-1)
    share = 0.1 / (logits.shape[-1] - 2)
    wanted = torch.full_like(log_probs, share).scatter(1, targets[:, None], 0.9)
    wanted[:, PAD] = 0.0
    response = functional.kl_div(log_probs, wanted, reduction="sum")
    classification = functional.cross_entropy(memory.emotion_logits, emotion)
    divergence = kl_divergence(memory) * len(reply)
    total = response + classification + divergence
    nll = functional.nll_loss(log_probs, targets)
    return Loss(
        total=total,
        response=response,
        nll=nll,
        emotion=classification,
        divergence=divergence,
        mixture=torch.zeros_like(total),
    )
