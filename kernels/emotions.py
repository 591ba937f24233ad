"""The emotion path of requests, between the context and its refinements (Eq. 4-19).

Four launches. Two products for all columns at once: classifier and the prior's hidden layer, then
the prior. A program a request draws both latents, computes both mixtures and the mimicry, and mixes
the emotions. The last product is what these add to every position of the refinements' input.
mime-base draws an intent in the third launch, and a fifth one computes its conditioning.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from mime_fast.kernels.linear import Matrix, product

BLOCK_INNER = 128  # with 32 emotions and 8 warps, 16 weights of a thread are on their way at once
WARPS = 8


class IntentWeights(NamedTuple):
    """How mime-base draws an intent, and what it adds to the decoder's inputs."""

    table: Tensor  # (intents, decoder dim), any float type or int8
    scale: Tensor | None  # float32 (intents,), of int8
    conditioning: Matrix  # (decoder dim, 3 * dim): of the query and both emotions


class EmotionWeights(NamedTuple):
    """Matrices of any one float type, vectors float32; groups are positive, then negative.

    int8 has scales, see kernels/linear.py.
    """

    recognise: Matrix  # (emotions + intents + dim, dim): the emotion table times the classifier,
    # the classifier of intents, and the prior's hidden layer
    prior: Matrix  # (2 groups * 2 * latent, dim): mean and log-variance of each
    mixture: Matrix  # (emotions, latent): by group, in the order of `members`
    members: Tensor  # int32 (emotions,): the positive emotions' ids, then the negative ones'
    table: Tensor  # (emotions, dim)
    refine: Matrix  # (2, dim, dim), or (dim, dim) for both: what multiplies the emotion there
    positives: int  # how many emotions are positive
    intents: IntentWeights | None = None


class Emotions(NamedTuple):
    """What came out, one entry a request."""

    logits: Tensor  # float32 (batch, emotions)
    mixture: Tensor  # float32 (batch, emotions), in the order of `members`; each group sums to 1
    mimics_positive: Tensor  # int32 (batch,)
    refinements: Tensor  # float32 (2, batch, dim): to be added for mimicking, non-mimicking
    conditioning: Tensor | None = None  # float32 (batch, decoder dim)


@triton.jit
def group_softmax(values, inside):
    """Softmax over the lanes inside; 0 elsewhere."""
    masked = tl.where(inside, values, float("-inf"))
    weights = tl.exp(masked - tl.max(masked, 0))
    return weights / tl.sum(weights, 0)


@triton.jit
def latent_draw(gaussians, noise, spot, GROUP: tl.constexpr, latent: tl.constexpr):
    """The entries `spot` of a group's latent variable."""
    drawn = spot < latent
    mean = tl.load(gaussians + 2 * GROUP * latent + spot, mask=drawn, other=0.0)
    variance = tl.load(gaussians + (2 * GROUP + 1) * latent + spot, mask=drawn, other=0.0)
    normal = tl.load(noise + GROUP * latent + spot, mask=drawn, other=0.0)
    return mean + normal * tl.exp(variance / 2)


@triton.jit
def emotions_kernel(
    query, found, gaussians, noise, forced, gumbels,
    mixture_weight, mixture_bias, members, table, intent_table, intent_scale,
    logits, mixture, mimics_positive, roles, joined, intent_rows,
    batches, query_batch: tl.constexpr, width: tl.constexpr, dim: tl.constexpr,
    latent: tl.constexpr, positives: tl.constexpr, intents: tl.constexpr, dec_dim: tl.constexpr,
    DIM_ROW: tl.constexpr, LATENT_ROW: tl.constexpr, INTENT_ROW: tl.constexpr,
    EMOTIONS: tl.constexpr, BLOCK_EMOTIONS: tl.constexpr, BLOCK_INTENTS: tl.constexpr,
    BLOCK_DECODER: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    batch = tl.program_id(0)
    emotion = tl.arange(0, BLOCK_EMOTIONS)
    real, is_first = emotion < EMOTIONS, emotion < positives
    own = tl.load(found + batch * width + emotion, mask=real, other=float("-inf"))
    tl.store(logits + batch * EMOTIONS + emotion, own, mask=real)
    recognised = tl.min(tl.where(own == tl.max(own, 0), emotion, EMOTIONS), 0)
    speaker = tl.load(forced + batch)
    speaker = tl.where(speaker < 0, recognised, speaker)
    member = tl.load(members + emotion, mask=real, other=-1)
    positive = tl.max(((member == speaker) & is_first).to(tl.int32), 0)
    tl.store(mimics_positive + batch, positive)

    gaussians += batch * 4 * latent
    noise += batch * 2 * latent
    sums = tl.zeros((BLOCK_EMOTIONS, INNER), tl.float32)
    for start in range(0, latent, INNER):
        spot = start + tl.arange(0, INNER)
        first = latent_draw(gaussians=gaussians, noise=noise, spot=spot, GROUP=0, latent=latent)
        second = latent_draw(gaussians=gaussians, noise=noise, spot=spot, GROUP=1, latent=latent)
        weights = tl.load(
            mixture_weight + emotion[:, None] * LATENT_ROW + spot[None, :],
            mask=real[:, None] & (spot[None, :] < LATENT_ROW),
            other=0.0,
        )
        drawn = tl.where(is_first[:, None], first[None, :], second[None, :])
        drawn = tl.where(spot[None, :] < latent, drawn, 0.0)
        sums += weights.to(tl.float32) * drawn
    values = tl.sum(sums, 1) + tl.load(mixture_bias + emotion, mask=real, other=0.0)
    shares = group_softmax(values, is_first) + group_softmax(values, real & (emotion >= positives))
    tl.store(mixture + batch * EMOTIONS + emotion, shares, mask=real)

    mimicked = tl.where(is_first == (positive == 1), shares, 0.0)  # lanes beyond have no share
    opposed = shares - mimicked
    for start in range(0, dim, INNER):
        k = start + tl.arange(0, INNER)
        inside = k < dim
        rows = tl.load(
            table + member[:, None] * DIM_ROW + k[None, :],
            mask=real[:, None] & inside[None, :],
            other=0.0,
        ).to(tl.float32)
        one, other = tl.sum(mimicked[:, None] * rows, 0), tl.sum(opposed[:, None] * rows, 0)
        tl.store(roles + batch * dim + k, one, mask=inside)
        tl.store(roles + (batches + batch) * dim + k, other, mask=inside)
        if intents:
            asked = tl.load(query + batch * query_batch + k, mask=inside, other=0.0)
            tl.store(joined + batch * 3 * dim + k, asked, mask=inside)
            tl.store(joined + batch * 3 * dim + dim + k, one, mask=inside)
            tl.store(joined + batch * 3 * dim + 2 * dim + k, other, mask=inside)
    if intents:
        # The Gumbel trick; in float64, as it is defined.
        intent = tl.arange(0, BLOCK_INTENTS)
        known = intent < intents
        likely = tl.load(found + batch * width + EMOTIONS + intent, mask=known, other=0.0)
        drawn = tl.load(gumbels + batch * intents + intent, mask=known, other=0.0)
        keys = tl.where(known, likely.to(tl.float64) + drawn, float("-inf"))
        chosen = tl.min(tl.where(keys == tl.max(keys, 0), intent, intents - 1), 0)
        lane = tl.arange(0, BLOCK_DECODER)
        row = tl.load(intent_table + chosen * INTENT_ROW + lane, mask=lane < dec_dim, other=0.0)
        row = row.to(tl.float32)
        if intent_scale is not None:
            row *= tl.load(intent_scale + chosen)
        tl.store(intent_rows + batch * dec_dim + lane, row, mask=lane < dec_dim)


def emotions(
    query: Tensor,
    noise: Tensor,
    forced: Tensor,
    weights: EmotionWeights,
    gumbels: Tensor | None = None,
    out: Emotions | None = None,
) -> Emotions:
    """Compute Emotions from the emotion query.

    Args:
        query: float32 (batch, dim).
        noise: float32 (batch, 2, latent) of N(0, 1), positive group first: stream 0 of the
            counter-based generator, which the caller draws (as for every engine), or zeros.
        forced: int32 (batch,): the id of the speaker's emotion; -1: the recognised one.
        weights: see EmotionWeights.
        gumbels: float64 (batch, intents): what is added to the logits of the intents, of which the
            largest sum is chosen.
        out: where to write, and what is returned; made if left out.
    """
    (batch, dim), device, w = query.shape, query.device, weights
    count, latent = w.mixture.weight.shape
    intents = 0 if w.intents is None else len(w.intents.table)
    dec_dim = 0 if w.intents is None else w.intents.table.shape[1]
    found = product(query, **w.recognise._asdict(), activation="relu", active_from=count + intents)
    gaussians = product(found[:, count + intents :], **w.prior._asdict())
    roles = torch.empty(2, batch, dim, device=device)
    joined = torch.empty(batch, 3 * dim, device=device) if intents else None
    intent_rows = torch.empty(batch, dec_dim, device=device) if intents else None
    made = out or Emotions(
        torch.empty(batch, count, device=device),
        torch.empty(batch, count, device=device),
        torch.empty(batch, dtype=torch.int32, device=device),
        torch.empty(2, batch, dim, device=device),
        torch.empty(batch, dec_dim, device=device) if intents else None,
    )
    emotions_kernel[batch,](
        query=query, found=found, gaussians=gaussians, noise=noise, forced=forced, gumbels=gumbels,
        mixture_weight=w.mixture.weight, mixture_bias=w.mixture.bias, members=w.members,
        table=w.table,
        intent_table=None if w.intents is None else w.intents.table,
        intent_scale=None if w.intents is None else w.intents.scale,
        logits=made.logits, mixture=made.mixture, mimics_positive=made.mimics_positive,
        roles=roles, joined=joined, intent_rows=intent_rows,
        batches=batch, query_batch=query.stride(0), width=found.shape[1], dim=dim, latent=latent,
        positives=w.positives, intents=intents, dec_dim=dec_dim,
        DIM_ROW=w.table.stride(0), LATENT_ROW=w.mixture.weight.stride(0),
        INTENT_ROW=0 if w.intents is None else w.intents.table.stride(0),
        EMOTIONS=count, BLOCK_EMOTIONS=triton.next_power_of_2(count),
        BLOCK_INTENTS=triton.next_power_of_2(max(1, intents)),
        BLOCK_DECODER=triton.next_power_of_2(max(1, dec_dim)),
        INNER=BLOCK_INNER, num_warps=WARPS,
    )  # fmt: skip
    product(roles, **w.refine._asdict(), out=made.refinements)
    if w.intents is not None and joined is not None:
        conditioning = w.intents.conditioning._asdict()
        product(joined, **conditioning, residual=intent_rows, out=made.conditioning)
    return made
