"""What training of mime-base minimises."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mime_fast.emotions import NEGATIVE, POSITIVE
from mime_fast.models.base import Groups
from mime_fast.models.mime import Latents
from mime_fast.training.replies.pairs import UNKNOWN

SMALLEST = 1e-9  # a share below it is taken as this


def labelled_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean over the rows whose label is known; 0 where none is.

    smoothing: the share of a label that all classes have alike (Szegedy et al. 2016).
    """
    known = labels != UNKNOWN
    costs = functional.cross_entropy(
        logits[known], labels[known], reduction="sum", label_smoothing=smoothing
    )
    return costs / known.sum().clamp(min=1)


def divergence(posterior: Latents, prior: Latents, free_bits: float) -> Tensor:
    """KL(posterior || prior) of both groups: sum over the latent, mean over the batch (Eq. 16)."""
    groups = [a.divergence(b).sum(-1).mean() for a, b in zip(posterior, prior, strict=True)]
    return torch.stack([value.clamp(min=free_bits) for value in groups]).sum()


def mixture_loss(mixture: Groups, emotion: Tensor) -> Tensor:
    """-log share of the speaker's emotion in the group that holds it; mean over known ones."""
    order = torch.tensor([*POSITIVE, *NEGATIVE], device=emotion.device)
    place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)).to(order.device))
    known = emotion != UNKNOWN
    shares = torch.cat(list(mixture), -1)[known].clamp(min=SMALLEST)
    costs = -shares.gather(1, place[emotion[known]][:, None]).log()
    return costs.sum() / known.sum().clamp(min=1)


def distillation_loss(log_probs: Tensor, ids: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy with a teacher's likeliest pieces, (positions,).

    log_probs (positions, pieces); ids and shares (positions, k), shares of a row sum to 1.
    """
    return -(log_probs.gather(1, ids) * shares).sum(-1)
