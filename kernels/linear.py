"""Products: norm, one or three taps, bias, activation, residual, in one kernel.

Everything that is multiplied outside decode_step and project goes through it: the encoders'
projections and convolutions (which have three taps), the emotion path, the layers of mime-base's
decoder. Rows beyond a sequence's length are neither read nor written.

Several rows are a tile of tl.dot. A single row is a matrix-vector product: each thread multiplies
16 bytes of weights at a time, and a column is summed within a warp.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from mime_fast.kernels.layer_norm import Norm, inverse_deviation

BLOCK_ROWS = 16  # the least that tl.dot takes; 40 tokens are three blocks
BLOCK_COLUMNS = 32  # 300 columns of 40 tokens are 30 programs: latency, not work, is what counts
# By the bytes of a weight. 64 would spill, where three taps of float32 are normalised, and where
# the residual is normalised, or two products are made.
BLOCK_INNER = {4: 32, 2: 32, 1: 64}
BLOCK_INNER_OF_TWO = 32
STAGES = 3  # of loads on their way
WARPS = 4
# A single row: 576 columns are 72 programs, on 132 multiprocessors.
ROW_COLUMNS = 8
ROW_INNER = 128  # 32 threads with 16 bytes of float32 each, or 8 with 16 bytes of int8
ROW_WARPS = {4: 4, 2: 4, 1: 2}
MOST_VECTORS = 7  # rows that are multiplied one by one; a tile reads the weights of more once

ACTIVATIONS = {None: 0, "relu": 1, "gelu": 2, "gate": 3, "swiglu": 4}
RELU, GELU, GATE = tl.constexpr(1), tl.constexpr(2), tl.constexpr(3)
SWIGLU = tl.constexpr(4)


class Matrix(NamedTuple):
    """The arguments of linear() and product() that belong to a matrix."""

    weight: Tensor
    scale: Tensor | None = None
    bias: Tensor | None = None


class Second(NamedTuple):
    """Where the last columns of a product go, one row of `to` for each row of it."""

    to: Tensor  # float32 (places, columns)
    places: Tensor  # int32 (rows,); -1: the row is not stored


@triton.jit
def row_statistics(rows, mask, inner: tl.constexpr, BLOCK: tl.constexpr, EPSILON: tl.constexpr):
    """Mean of each row, and what its differences are multiplied by.

    rows: pointers (ROWS,) to the first elements; mask: which of them may be read.
    """
    offsets = tl.arange(0, BLOCK)
    total = tl.zeros((rows.shape[0], BLOCK), tl.float32)
    for start in range(0, inner, BLOCK):
        here = start + offsets
        inside = mask[:, None] & (here[None, :] < inner)
        total += tl.load(rows[:, None] + here[None, :], mask=inside, other=0.0)
    mean = tl.sum(total, 1) / inner
    squares = tl.zeros((rows.shape[0], BLOCK), tl.float32)
    for start in range(0, inner, BLOCK):
        here = start + offsets
        inside = mask[:, None] & (here[None, :] < inner)
        part = tl.load(rows[:, None] + here[None, :], mask=inside, other=0.0) - mean[:, None]
        squares += tl.where(inside, part * part, 0.0)
    return mean, inverse_deviation(tl.sum(squares, 1), inner, EPSILON)


@triton.jit
def gelu(x):
    """The exact one, with the error function."""
    return 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))


@triton.jit
def normed_part(
    rows, real, k, gamma, beta, mean, factor, inner: tl.constexpr, CENTRED: tl.constexpr
):  # fmt: skip
    """The columns k of rows, scaled and shifted, and the same before that; 0 outside."""
    inside = real[:, None] & (k[None, :] < inner)
    raw = tl.load(rows[:, None] + k[None, :], mask=inside, other=0.0)
    part = raw
    if gamma is not None:
        gain = tl.load(gamma + k, mask=k < inner, other=0.0)
        if CENTRED:
            shift = tl.load(beta + k, mask=k < inner, other=0.0)
            part = (raw - mean[:, None]) * factor[:, None] * gain[None, :] + shift[None, :]
            part = tl.where(inside, part, 0.0)
        else:
            part = raw * gain[None, :]
    return part, raw


@triton.jit
def linear_kernel(  # noqa: C901, PLR0912 - what is constant leaves no branch
    x, weight, scale, bias, gamma, beta, residual, residual_gamma, residual_beta, y, lengths,
    second, places, active,
    length, requests, role_batches, bias_batches, x_count, residual_count,
    x_batch, weight_role, bias_entry, norm_role, residual_batch, y_batch,
    x_row: tl.constexpr, residual_row: tl.constexpr, y_row: tl.constexpr, second_row: tl.constexpr,
    columns: tl.constexpr, split: tl.constexpr, inner: tl.constexpr, ROW: tl.constexpr,
    TAPS: tl.constexpr, CENTRED: tl.constexpr, EPSILON: tl.constexpr,
    RESIDUAL_EPSILON: tl.constexpr, ACTIVATION: tl.constexpr, ACTIVE_FROM: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    batch, block = tl.program_id(0), tl.program_id(1)
    if lengths is not None:
        length = tl.load(lengths + batch % requests)
    if block * ROWS >= length:
        return
    role = batch // role_batches
    row = block * ROWS + tl.arange(0, ROWS)
    there = row < length
    if active is not None:
        there &= tl.load(active + row, mask=there, other=0) == 1
        if tl.max(there.to(tl.int32), 0) == 0:
            return
    column = tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)
    is_real = column < columns
    own = x + batch % x_count * x_batch
    weight += role * weight_role
    if gamma is not None:
        gamma += role * norm_role
        if CENTRED:
            beta += role * norm_role
    # A single row adds up later: no sum of it crosses threads before its end.
    sums = tl.zeros((COLUMNS, INNER) if ROWS == 1 else (ROWS, COLUMNS), tl.float32)
    others = sums  # of SWIGLU: what is multiplied by them
    squares = tl.zeros((ROWS, INNER), tl.float32)
    mean, factor = tl.zeros((ROWS,), tl.float32), tl.zeros((ROWS,), tl.float32)
    for tap in tl.static_range(TAPS):
        source = row + tap - TAPS // 2
        real = (source >= 0) & (source < length)
        if active is not None:  # then there is one tap
            real = there
        rows = own + source * x_row
        if CENTRED:
            mean, factor = row_statistics(rows, real, inner, INNER, EPSILON)
        if ROWS == 1:
            at = weight + (column[:, None] * TAPS + tap) * ROW
            for start in tl.static_range(0, inner, INNER):
                k = start + tl.arange(0, INNER)
                part, raw = normed_part(
                    rows=rows, real=real, k=k, gamma=gamma, beta=beta, mean=mean, factor=factor,
                    inner=inner, CENTRED=CENTRED,
                )  # fmt: skip
                squares += raw * raw
                known = is_real[:, None] & (k[None, :] < ROW)
                weights = tl.load(at + k[None, :], mask=known, other=0.0)
                sums += weights.to(tl.float32) * part
                if ACTIVATION == SWIGLU:
                    weights = tl.load(at + columns * ROW + k[None, :], mask=known, other=0.0)
                    others += weights.to(tl.float32) * part
        else:
            at = weight + (column[None, :] * TAPS + tap) * ROW
            for start in range(0, inner, INNER):
                k = start + tl.arange(0, INNER)
                part, raw = normed_part(
                    rows=rows, real=real, k=k, gamma=gamma, beta=beta, mean=mean, factor=factor,
                    inner=inner, CENTRED=CENTRED,
                )  # fmt: skip
                squares += raw * raw
                known = is_real[None, :] & (k[:, None] < ROW)
                weights = tl.load(at + k[:, None], mask=known, other=0.0)
                sums += product_of(part, weights, scale)
                if ACTIVATION == SWIGLU:
                    weights = tl.load(at + columns * ROW + k[:, None], mask=known, other=0.0)
                    others += product_of(part, weights, scale)
    if ROWS == 1:
        sums = tl.sum(sums, 1)[None, :]
        if ACTIVATION == SWIGLU:
            others = tl.sum(others, 1)[None, :]
    if (gamma is not None) and (not CENTRED):
        factor = inverse_deviation(tl.sum(squares, 1), inner, EPSILON)
        sums *= factor[:, None]
        if ACTIVATION == SWIGLU:
            others *= factor[:, None]
    if scale is not None:
        sums *= tl.load(scale + column, mask=is_real, other=0.0)[None, :]
        if ACTIVATION == SWIGLU:
            others *= tl.load(scale + columns + column, mask=is_real, other=0.0)[None, :]
    if bias is not None:
        own_bias = bias + batch // bias_batches * bias_entry
        sums += tl.load(own_bias + column, mask=is_real, other=0.0)[None, :]
    inside = there[:, None] & is_real[None, :]
    if ACTIVATION == RELU:
        sums = tl.where(column[None, :] < ACTIVE_FROM, sums, tl.maximum(sums, 0.0))
    elif ACTIVATION == GELU:
        sums = gelu(sums)
    elif ACTIVATION == GATE:
        gated = tl.load(own + row[:, None] * x_row + column[None, :], mask=inside, other=0.0)
        sums = gated / (1.0 + tl.exp(-sums))
    elif ACTIVATION == SWIGLU:
        sums = sums / (1.0 + tl.exp(-sums)) * others
    if residual is not None:
        base = residual + batch % residual_count * residual_batch + row * residual_row
        added = tl.load(base[:, None] + column[None, :], mask=inside, other=0.0)
        if residual_gamma is not None:
            mean, factor = row_statistics(base, there, columns, INNER, RESIDUAL_EPSILON)
            gain = tl.load(residual_gamma + column, mask=is_real, other=0.0)
            shift = tl.load(residual_beta + column, mask=is_real, other=0.0)
            added = (added - mean[:, None]) * factor[:, None] * gain[None, :] + shift[None, :]
        sums += added
    to = y + batch * y_batch + row[:, None] * y_row + column[None, :]
    tl.store(to, sums, mask=inside & (column[None, :] < split))
    if second is not None:
        place = tl.load(places + batch + row, mask=there, other=-1)
        to = second + place[:, None].to(tl.int64) * second_row + column[None, :] - split
        tl.store(to, sums, mask=inside & (column[None, :] >= split) & (place[:, None] >= 0))


@triton.jit
def product_of(part, weights, scale):
    """Part (ROWS, INNER) times weights (INNER, COLUMNS): int8 in float32, others in their type."""
    if scale is not None:
        weights = weights.to(tl.float32)
    return tl.dot(part.to(weights.dtype), weights, input_precision="ieee")


def linear(
    x: Tensor,
    weight: Tensor,
    lengths: Tensor | None,
    *,
    scale: Tensor | None = None,
    bias: Tensor | None = None,
    norm: Norm | None = None,
    residual: Tensor | None = None,
    residual_norm: Norm | None = None,
    activation: str | None = None,
    active_from: int = 0,
    second: Second | None = None,
    active: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Multiply: y = activation(norm(x) * weight + bias) + residual_norm(residual).

    A batch holds the requests once for each role, one role after the other. What all roles share
    has one entry a request; weights that differ have one a role.

    Args:
        x: float32 (batch or requests, length, inner), any strides of batch and row.
        weight: (columns, taps, inner), or (roles, columns, taps, inner) for weights of each role;
            any float type or int8, perhaps padded; taps 1 or 3, the middle one being the position
            itself, and nothing outside the sequence.
        lengths: int32 (requests,), each at most `length`; None: all rows are there.
        scale: float32 (columns,), of weights that are int8; they are multiplied in float32.
        bias: float32 (columns,), (roles, columns) or (batch, columns).
        norm: before the product.
        residual: float32 (batch, requests or 1, length, columns).
        residual_norm: of the residual.
        activation: relu; gelu; gate, which is sigmoid times x, of as many columns; or swiglu, of
            twice as many rows of weights: silu of the first times the last ones. There is no bias.
        active_from: the first column to which relu is applied.
        second: where the last columns go; `out` has the others.
        active: int32 (length,), of a batch of one: 0 where a row is not computed, else 1.
        out: where to write, float32 (batch, length, columns); made if it is left out.
    """
    taps, inner = weight.shape[-2:]
    roles, length = len(weight) if weight.dim() == 4 else 1, x.shape[1]
    columns = weight.shape[-3] // (2 if activation == "swiglu" else 1)
    entries = 1 if bias is None or bias.dim() == 1 else len(bias)
    requests = len(x) if lengths is None else len(lengths)
    batch = max(len(x), entries, roles if lengths is None else roles * requests)
    split = columns if second is None else columns - second.to.shape[1]
    if out is None:
        out = torch.empty(batch, length, split, device=x.device)
    vector, size = length == 1, weight.element_size()
    block_rows, block_columns = (1, ROW_COLUMNS) if vector else (BLOCK_ROWS, BLOCK_COLUMNS)
    inner_block = ROW_INNER if vector else BLOCK_INNER[size]
    if not vector and (residual_norm is not None or activation == "swiglu"):
        inner_block = BLOCK_INNER_OF_TWO
    gamma, beta, epsilon = norm or (None, None, None)
    residual_gamma, residual_beta, residual_epsilon = residual_norm or (None, None, None)
    to, places = second or (None, None)
    grid = (batch, triton.cdiv(length, block_rows), triton.cdiv(columns, block_columns))
    linear_kernel[grid](
        x=x, weight=weight, scale=scale, bias=bias, gamma=gamma, beta=beta, residual=residual,
        residual_gamma=residual_gamma, residual_beta=residual_beta, y=out, lengths=lengths,
        second=to, places=places, active=active,
        length=length, requests=requests, role_batches=batch // roles,
        bias_batches=batch // entries, x_count=len(x),
        residual_count=1 if residual is None else len(residual),
        x_batch=x.stride(0), weight_role=weight.stride(0) if roles > 1 else 0,
        bias_entry=0 if bias is None or entries == 1 else bias.stride(0),
        norm_role=gamma.stride(0) if gamma is not None and gamma.dim() == 2 else 0,
        residual_batch=0 if residual is None else residual.stride(0), y_batch=out.stride(0),
        x_row=x.stride(1), residual_row=0 if residual is None else residual.stride(1),
        y_row=out.stride(1), second_row=0 if to is None else to.stride(0),
        columns=columns, split=split, inner=inner, ROW=weight.stride(-3) // taps, TAPS=taps,
        CENTRED=beta is not None, EPSILON=epsilon, RESIDUAL_EPSILON=residual_epsilon,
        ACTIVATION=ACTIVATIONS[activation], ACTIVE_FROM=active_from,
        ROWS=block_rows, COLUMNS=block_columns,
        INNER=inner_block, num_stages=STAGES,
        num_warps=ROW_WARPS[size] if vector else WARPS,
    )  # fmt: skip
    return out


def product(
    x: Tensor,
    weight: Tensor,
    *,
    active: Tensor | None = None,
    residual: Tensor | None = None,
    out: Tensor | None = None,
    **options: Any,
) -> Tensor:
    """Multiply rows that are no sequence; up to MOST_VECTORS of them one by one.

    Args:
        x: float32 (rows, inner), or (roles, rows, inner).
        weight: (columns, inner), or (roles, columns, inner) for weights of each role.
        active: int32 (rows,): 0 where a row need not be computed, else 1; None: all are. A row
            that is not active may be anything.
        residual: float32 (rows, columns), of one role.
        out: where to write, contiguous; made if it is left out.
        options: those of linear().

    Returns: float32 (rows, columns), or (roles, rows, columns).
    """
    by_role = x if x.dim() == 3 else x[None]
    roles, rows, inner = by_role.shape
    vectors = rows <= MOST_VECTORS
    lead = (roles * rows, 1) if vectors else (roles, rows)
    found = linear(
        by_role.reshape(*lead, inner),
        weight.unsqueeze(-2),
        active if vectors else None,
        active=None if vectors else active,
        residual=None if residual is None else residual.view(*lead, -1),
        out=None if out is None else out.view(*lead, -1),
        **options,
    )
    return found.view(*x.shape[:-1], -1)
