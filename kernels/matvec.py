"""A product of one vector, for kernels in which one program follows one row through a network."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def matvec(
    x, weight, bias, y, columns, inner,
    RELU: tl.constexpr, COLUMNS: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    """Write y = weight x + bias: x (INNER,) in registers, 0 beyond inner; y in memory.

    weight: (columns, inner) of any float type; bias: None for none. After it all threads of the
    program see y.
    """
    k = tl.arange(0, INNER)
    for start in range(0, columns, COLUMNS):
        column = start + tl.arange(0, COLUMNS)
        inside = (column[:, None] < columns) & (k[None, :] < inner)
        weights = tl.load(weight + column[:, None] * inner + k[None, :], mask=inside, other=0.0)
        sums = tl.sum(weights.to(tl.float32) * x[None, :], 1)
        if bias is not None:
            sums += tl.load(bias + column, mask=column < columns, other=0.0)
        if RELU:
            sums = tl.maximum(sums, 0.0)
        tl.store(y + column, sums, mask=column < columns)
    tl.debug_barrier()
