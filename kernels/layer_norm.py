"""The model's layer norm: unbiased deviation, epsilon outside the root."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def normalise(x, gamma, beta, dim: tl.constexpr, BLOCK: tl.constexpr):
    """The norm of a vector in registers (BLOCK,), which is 0 beyond dim; so is the result."""
    offsets = tl.arange(0, BLOCK)
    inside = offsets < dim
    mean = tl.sum(x, 0) / dim
    centred = tl.where(inside, x - mean, 0.0)
    scale = 1.0 / (tl.sqrt(tl.sum(centred * centred, 0) / (dim - 1)) + 1e-6)
    factor = tl.load(gamma + offsets, mask=inside, other=0.0)
    return centred * scale * factor + tl.load(beta + offsets, mask=inside, other=0.0)


@triton.jit
def layer_norm_kernel(
    x, gamma, beta, y, lengths, x_batch, y_batch, x_row: tl.constexpr, y_row: tl.constexpr,
    dim: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    batch, row = tl.program_id(0), tl.program_id(1)
    if row >= tl.load(lengths + batch):
        return
    offsets = tl.arange(0, BLOCK)
    inside = offsets < dim
    vector = tl.load(x + batch * x_batch + row * x_row + offsets, mask=inside, other=0.0)
    tl.store(
        y + batch * y_batch + row * y_row + offsets,
        normalise(vector, gamma, beta, dim, BLOCK),
        mask=inside,
    )


def layer_norm(
    x: Tensor, gamma: Tensor, beta: Tensor, lengths: Tensor, out: Tensor | None = None
) -> Tensor:
    """The norm of each row.

    Args:
        x: float32 (batch, length, dim), dim at least 2.
        gamma: float32 (dim,); beta likewise.
        lengths: int32 (batch,); rows beyond are neither read nor written.
        out: where to write, of the shape of x, any strides of batch and row.
    """
    batch, length, dim = x.shape
    y = torch.empty(x.shape, device=x.device) if out is None else out
    layer_norm_kernel[batch, length](
        x=x, gamma=gamma, beta=beta, y=y, lengths=lengths,
        x_batch=x.stride(0), x_row=x.stride(1), y_batch=y.stride(0), y_row=y.stride(1), dim=dim,
        BLOCK=triton.next_power_of_2(dim),
    )  # fmt: skip
    return y
