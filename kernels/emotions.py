"""The emotion path of a request in one kernel, between the context and its refinements (Eq. 4-19).

Classifier, prior, both latent draws, both mixtures, mimicry, and what the two emotions add to every
position of the response encoders' input. One program follows one request.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from mime_fast.kernels.matvec import matvec, share

BLOCK_COLUMNS = 32  # with 8 warps, four of a warp: 16 weights of a thread are on their way at once
WARPS = 8  # 16 would spill


class EmotionWeights(NamedTuple):
    """Matrices of any one float type, vectors float32; `groups` is positive, then negative."""

    classifier: Tensor  # (emotions, dim): the classifier times the emotion table
    prior_hidden: Tensor  # (dim, dim)
    prior_hidden_bias: Tensor  # (dim,)
    prior: Tensor  # (2 groups, 2, latent, dim): mean, log-variance
    prior_bias: Tensor  # (2 groups, 2, latent)
    mixture: Tensor  # (emotions, latent): by group, in the order of `members`
    mixture_bias: Tensor  # (emotions,)
    members: Tensor  # int32 (emotions,): the positive emotions' ids, then the negative ones'
    table: Tensor  # (emotions, dim)
    refine: Tensor  # (2, dim, dim): the response encoders' input products of the emotion
    positives: int  # how many emotions are positive


class Emotions(NamedTuple):
    """What came out, one entry a request."""

    logits: Tensor  # float32 (batch, emotions)
    mixture: Tensor  # float32 (batch, emotions), in the order of `members`; each group sums to 1
    mimics_positive: Tensor  # int32 (batch,)
    refinements: Tensor  # float32 (2, batch, dim): to be added for mimicking, non-mimicking


@triton.jit
def group_softmax(values, inside):
    """Softmax over the lanes inside; 0 elsewhere."""
    masked = tl.where(inside, values, float("-inf"))
    weights = tl.exp(masked - tl.max(masked, 0))
    return weights / tl.sum(weights, 0)


@triton.jit
def emotions_kernel(
    query, noise, forced,
    classifier, prior_hidden, prior_hidden_bias, prior, prior_bias, mixture_weight, mixture_bias,
    members, table, refine,
    logits, mixture, mimics_positive, refinements, scratch,
    batches, query_batch: tl.constexpr, dim: tl.constexpr, latent: tl.constexpr,
    positives: tl.constexpr, DIM_ROW: tl.constexpr, LATENT_ROW: tl.constexpr,
    EMOTIONS: tl.constexpr, BLOCK_EMOTIONS: tl.constexpr, DIM: tl.constexpr, LATENT: tl.constexpr,
    COLUMNS: tl.constexpr,
):  # fmt: skip
    batch = tl.program_id(0)
    lane, emotion = tl.arange(0, DIM), tl.arange(0, BLOCK_EMOTIONS)
    real = emotion < EMOTIONS
    own_logits, own_mixture = logits + batch * EMOTIONS, mixture + batch * EMOTIONS
    hidden = scratch + batch * (dim + 5 * latent)
    gaussians, z = hidden + dim, hidden + dim + 4 * latent

    matvec(
        query + batch * query_batch, classifier, bias=None, y=own_logits,
        columns=EMOTIONS, inner=dim, ROW=DIM_ROW, RELU=False, COLUMNS=COLUMNS,
    )  # fmt: skip
    found = tl.load(own_logits + emotion, mask=real, other=float("-inf"))
    ranks = tl.where(found == tl.max(found, 0), emotion, EMOTIONS)
    speaker = tl.load(forced + batch)
    speaker = tl.where(speaker < 0, tl.min(ranks, 0), speaker)
    member = tl.load(members + emotion, mask=real, other=-1)
    positive = tl.max(((member == speaker) & (emotion < positives)).to(tl.int32), 0)
    tl.store(mimics_positive + batch, positive)

    matvec(
        query + batch * query_batch, prior_hidden, bias=prior_hidden_bias, y=hidden,
        columns=dim, inner=dim, ROW=DIM_ROW, RELU=True, COLUMNS=COLUMNS,
    )  # fmt: skip
    matvec(
        hidden, prior, bias=prior_bias, y=gaussians, columns=4 * latent, inner=dim,
        ROW=DIM_ROW, RELU=False, COLUMNS=COLUMNS,
    )  # fmt: skip

    spot = tl.arange(0, LATENT)
    drawn = spot < latent
    for group in tl.static_range(2):
        mean = tl.load(gaussians + 2 * group * latent + spot, mask=drawn, other=0.0)
        variance = tl.load(gaussians + (2 * group + 1) * latent + spot, mask=drawn, other=0.0)
        normal = tl.load(noise + (2 * batch + group) * latent + spot, mask=drawn, other=0.0)
        share(z + spot, mean + normal * tl.exp(variance / 2), drawn)
        first = group * positives
        matvec(
            z, mixture_weight + first * LATENT_ROW, bias=mixture_bias + first,
            y=own_mixture + first, columns=positives if group == 0 else EMOTIONS - positives,
            inner=latent, ROW=LATENT_ROW, RELU=False, COLUMNS=COLUMNS,
        )  # fmt: skip
    values = tl.load(own_mixture + emotion, mask=real, other=0.0)
    is_first = emotion < positives
    shares = group_softmax(values, is_first) + group_softmax(values, real & (emotion >= positives))
    tl.debug_barrier()  # the values are read before the shares take their place
    tl.store(own_mixture + emotion, shares, mask=real)

    for role in tl.static_range(2):
        # Mimicking first: the positive group if the speaker's emotion is positive.
        wanted = is_first == ((positive == 1) if role == 0 else (positive == 0))
        rows = tl.load(
            table + member[:, None] * DIM_ROW + lane[None, :],
            mask=(wanted & real)[:, None] & (lane[None, :] < dim),
            other=0.0,
        )
        share(hidden + lane, tl.sum(shares[:, None] * rows.to(tl.float32), 0), lane < dim)
        to = refinements + (role * batches + batch) * dim
        matvec(
            hidden, refine + role * dim * DIM_ROW, bias=None, y=to, columns=dim, inner=dim,
            ROW=DIM_ROW, RELU=False, COLUMNS=COLUMNS,
        )  # fmt: skip


def emotions(
    query: Tensor,
    noise: Tensor,
    forced: Tensor,
    weights: EmotionWeights,
    out: Emotions | None = None,
) -> Emotions:
    """Compute Emotions from the emotion query, in one launch.

    Args:
        query: float32 (batch, dim).
        noise: float32 (batch, 2, latent) of N(0, 1), positive group first: stream 0 of the
            counter-based generator, which the caller draws (as for every engine), or zeros.
        forced: int32 (batch,): the id of the speaker's emotion; -1: the recognised one.
        weights: see EmotionWeights.
        out: where to write, and what is returned; made if left out.
    """
    batch, dim = query.shape
    count, latent = weights.mixture.shape
    device = query.device
    found = out or Emotions(
        torch.empty(batch, count, device=device),
        torch.empty(batch, count, device=device),
        torch.empty(batch, dtype=torch.int32, device=device),
        torch.empty(2, batch, dim, device=device),
    )
    scratch = torch.empty(batch, dim + 5 * latent, device=device)
    rows = {matrix.stride(-2) for matrix in (*weights[:2], weights.prior, *weights[8:10])}
    assert len(rows) == 1  # noqa: S101 - matrices with the same inner dimension are padded alike
    emotions_kernel[batch,](
        query=query, noise=noise, forced=forced, scratch=scratch,
        classifier=weights.classifier, prior_hidden=weights.prior_hidden,
        prior_hidden_bias=weights.prior_hidden_bias, prior=weights.prior,
        prior_bias=weights.prior_bias, mixture_weight=weights.mixture,
        mixture_bias=weights.mixture_bias, members=weights.members, table=weights.table,
        refine=weights.refine, positives=weights.positives,
        logits=found.logits, mixture=found.mixture, mimics_positive=found.mimics_positive,
        refinements=found.refinements,
        query_batch=query.stride(0), batches=batch, dim=dim, latent=latent,
        DIM_ROW=rows.pop(), LATENT_ROW=weights.mixture.stride(0),
        EMOTIONS=count, BLOCK_EMOTIONS=triton.next_power_of_2(count),
        DIM=triton.next_power_of_2(dim), LATENT=triton.next_power_of_2(latent),
        COLUMNS=BLOCK_COLUMNS, num_warps=WARPS,
    )  # fmt: skip
    return found
