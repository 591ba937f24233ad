"""The norms of the models: layer norms of two kinds, and the root-mean-square norm."""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor


class Norm(NamedTuple):
    """How a row is normalised, and its scale and shift."""

    gamma: Tensor  # float32 (dim,), or (roles, dim): see kernels/linear.py
    beta: Tensor | None  # likewise; None: root mean square, nothing is subtracted
    epsilon: float | None = None  # within the root; None: MIME's, see inverse_deviation

    @property
    def is_centred(self) -> bool:
        """Whether the mean is subtracted."""
        return self.beta is not None


@triton.jit
def inverse_deviation(squares, dim: tl.constexpr, EPSILON: tl.constexpr):
    """What a row is multiplied by; squares: the sum over the row, centred where it is.

    EPSILON None: MIME's own norm, an unbiased deviation to which 1e-6 is added.
    """
    if EPSILON is None:
        deviation = tl.sqrt(squares / (dim - 1)) + 1e-6
    else:
        deviation = tl.sqrt(squares / dim + EPSILON)
    return 1.0 / deviation


@triton.jit
def normalise(x, gamma, beta, dim: tl.constexpr, BLOCK: tl.constexpr, EPSILON: tl.constexpr = None):
    """The norm of a vector in registers (BLOCK,), which is 0 beyond dim; so is the result."""
    offsets = tl.arange(0, BLOCK)
    inside = offsets < dim
    mean = tl.sum(x, 0) / dim
    centred = tl.where(inside, x - mean, 0.0)
    scale = inverse_deviation(tl.sum(centred * centred, 0), dim, EPSILON)
    factor = tl.load(gamma + offsets, mask=inside, other=0.0)
    return centred * scale * factor + tl.load(beta + offsets, mask=inside, other=0.0)


@triton.jit
def layer_norm_kernel(
    x, gamma, beta, y, lengths, requests, norm_role, x_batch, y_role, y_batch,
    x_row: tl.constexpr, y_row: tl.constexpr, dim: tl.constexpr, BLOCK: tl.constexpr,
    EPSILON: tl.constexpr,
):  # fmt: skip
    batch, row = tl.program_id(0), tl.program_id(1)
    role, request = batch // requests, batch % requests
    if row >= tl.load(lengths + request):
        return
    offsets = tl.arange(0, BLOCK)
    inside = offsets < dim
    vector = tl.load(x + batch * x_batch + row * x_row + offsets, mask=inside, other=0.0)
    tl.store(
        y + role * y_role + request * y_batch + row * y_row + offsets,
        normalise(vector, gamma + role * norm_role, beta + role * norm_role, dim, BLOCK, EPSILON),
        mask=inside,
    )


def layer_norm(x: Tensor, norm: Norm, lengths: Tensor, out: Tensor | None = None) -> Tensor:
    """The norm of each row.

    Args:
        x: float32 (batch, length, dim), dim at least 2; batch is a multiple of the requests, whose
            roles follow each other.
        norm: of one kind for all, or with a scale and a shift for each role.
        lengths: int32 (requests,); rows beyond are neither read nor written.
        out: where to write, (batch, length, dim) or (roles, requests, length, dim), any strides of
            all but the last dimension.
    """
    batch, length, dim = x.shape
    requests = len(lengths)
    y = torch.empty(x.shape, device=x.device) if out is None else out
    by_role = y if y.dim() == 4 else y.unflatten(0, (batch // requests, requests))
    layer_norm_kernel[batch, length](
        x=x, gamma=norm.gamma, beta=norm.beta, y=y, lengths=lengths, requests=requests,
        norm_role=norm.gamma.stride(0) if norm.gamma.dim() == 2 else 0,
        x_batch=x.stride(0), x_row=x.stride(1),
        y_role=by_role.stride(0), y_batch=by_role.stride(1), y_row=by_role.stride(2), dim=dim,
        BLOCK=triton.next_power_of_2(dim), EPSILON=norm.epsilon,
    )  # fmt: skip
    return y
