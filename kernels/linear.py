"""Products along a sequence: norm, one or three taps, bias, ReLU, residual, in one kernel.

Everything that the encoders multiply goes through it: projections, the convolutions (which have
three taps), keys and values. Rows beyond a sequence's length are neither read nor written.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK_ROWS = 16  # the least that tl.dot takes; 40 tokens are three blocks
BLOCK_COLUMNS = 32  # 300 columns of 40 tokens are 30 programs: latency, not work, is what counts
BLOCK_INNER = 32  # 64 would spill, where three taps are normalised
STAGES = 3  # of loads on their way


@triton.jit
def row_statistics(rows, mask, inner, BLOCK: tl.constexpr):
    """Mean, and 1 / (unbiased deviation + 1e-6), of each row: the model's own norm.

    rows: pointers (ROWS,) to the first elements; mask: which of them may be read.
    """
    offsets = tl.arange(0, BLOCK)
    total = tl.zeros(rows.shape, tl.float32)
    for start in range(0, inner, BLOCK):
        here = start + offsets
        inside = mask[:, None] & (here[None, :] < inner)
        total += tl.sum(tl.load(rows[:, None] + here[None, :], mask=inside, other=0.0), 1)
    mean = total / inner
    squares = tl.zeros(rows.shape, tl.float32)
    for start in range(0, inner, BLOCK):
        here = start + offsets
        inside = mask[:, None] & (here[None, :] < inner)
        part = tl.load(rows[:, None] + here[None, :], mask=inside, other=0.0) - mean[:, None]
        squares += tl.sum(tl.where(inside, part * part, 0.0), 1)
    return mean, 1.0 / (tl.sqrt(squares / (inner - 1)) + 1e-6)


@triton.jit
def linear_kernel(
    x, weight, bias, gamma, beta, residual, y, lengths,
    x_batch, bias_batch, residual_batch, y_batch,
    x_row: tl.constexpr, residual_row: tl.constexpr, y_row: tl.constexpr,
    columns: tl.constexpr, inner: tl.constexpr, ROW: tl.constexpr,
    TAPS: tl.constexpr, NORM: tl.constexpr, BIAS: tl.constexpr, RELU: tl.constexpr,
    RESIDUAL: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    batch, block = tl.program_id(0), tl.program_id(1)
    length = tl.load(lengths + batch)
    if block * ROWS >= length:
        return
    row = block * ROWS + tl.arange(0, ROWS)
    column = tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)
    offsets = tl.arange(0, INNER)
    sums = tl.zeros((ROWS, COLUMNS), tl.float32)
    for tap in tl.static_range(TAPS):
        source = row + tap - TAPS // 2
        real = (source >= 0) & (source < length)
        rows = x + batch * x_batch + source * x_row
        if NORM:
            mean, scale = row_statistics(rows, real, inner, INNER)
        for start in range(0, inner, INNER):
            k = start + offsets
            inside = real[:, None] & (k[None, :] < inner)
            part = tl.load(rows[:, None] + k[None, :], mask=inside, other=0.0)
            if NORM:
                factor = tl.load(gamma + k, mask=k < inner, other=0.0)
                shift = tl.load(beta + k, mask=k < inner, other=0.0)
                part = (part - mean[:, None]) * scale[:, None] * factor[None, :] + shift[None, :]
                part = tl.where(inside, part, 0.0)
            weights = tl.load(
                weight + (column[None, :] * TAPS + tap) * ROW + k[:, None],
                mask=(column[None, :] < columns) & (k[:, None] < ROW),
                other=0.0,
            )
            sums += tl.dot(part.to(weights.dtype), weights, input_precision="ieee")
    if BIAS:
        sums += tl.load(bias + batch * bias_batch + column, mask=column < columns, other=0.0)
    if RELU:
        sums = tl.maximum(sums, 0.0)
    inside = (row[:, None] < length) & (column[None, :] < columns)
    if RESIDUAL:
        base = residual + batch * residual_batch + row[:, None] * residual_row
        sums += tl.load(base + column[None, :], mask=inside, other=0.0)
    tl.store(y + batch * y_batch + row[:, None] * y_row + column[None, :], sums, mask=inside)


def linear(
    x: Tensor,
    weight: Tensor,
    lengths: Tensor,
    *,
    bias: Tensor | None = None,
    norm: tuple[Tensor, Tensor] | None = None,
    residual: Tensor | None = None,
    relu: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Multiply: y = relu(norm(x) * weight + bias) + residual, along each sequence.

    Args:
        x: float32 (batch, length, inner), any strides of batch and row.
        weight: (columns, taps, inner), any float type, perhaps padded; taps 1 or 3, the middle one
            being the position itself, and nothing outside the sequence.
        lengths: int32 (batch,), each at most `length`.
        bias: float32 (columns,), or (batch, columns).
        norm: gamma and beta, float32 (inner,), of the model's LayerNorm before the product.
        residual: float32 (batch or 1, length, columns).
        out: where to write, float32 (batch, length, columns); made if it is left out.
    """
    (batch, length, inner), (columns, taps, _) = x.shape, weight.shape
    if out is None:
        out = torch.empty(batch, length, columns, device=x.device)
    gamma, beta = norm if norm is not None else (None, None)
    repeats = residual is not None and residual.shape[0] == 1
    grid = (batch, triton.cdiv(length, BLOCK_ROWS), triton.cdiv(columns, BLOCK_COLUMNS))
    linear_kernel[grid](
        x=x, weight=weight, bias=bias, gamma=gamma, beta=beta, residual=residual, y=out,
        lengths=lengths,
        x_batch=x.stride(0), x_row=x.stride(1),
        bias_batch=0 if bias is None or bias.dim() == 1 else bias.stride(0),
        residual_batch=0 if residual is None or repeats else residual.stride(0),
        residual_row=0 if residual is None else residual.stride(1),
        y_batch=out.stride(0), y_row=out.stride(1),
        columns=columns, inner=inner, ROW=weight.stride(1),
        TAPS=taps, NORM=norm is not None, BIAS=bias is not None, RELU=relu,
        RESIDUAL=residual is not None,
        ROWS=BLOCK_ROWS, COLUMNS=BLOCK_COLUMNS, INNER=BLOCK_INNER, num_stages=STAGES,
    )  # fmt: skip
    return out
