"""A product of one vector, for kernels in which one program follows one row through a network."""

from __future__ import annotations

import triton
import triton.language as tl

# 32 threads with 16 bytes of float32 each: a column is summed within one warp.
CHUNK = tl.constexpr(128)


@triton.jit
def share(to, values, mask):
    """Store values, so that all threads of the program see them."""
    tl.debug_barrier()  # all have read what was there
    tl.store(to, values, mask=mask)
    tl.debug_barrier()


@triton.jit
def matvec(
    x, weight, bias, y, columns: tl.constexpr, inner: tl.constexpr, ROW: tl.constexpr,
    RELU: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Write y = weight x + bias: x (inner,) and y (columns,) in memory.

    weight: (columns, inner) of any float type, ROW elements from row to row, zeros between them;
    bias: None for none. All threads of the program must see x; after it they see y.
    """
    k = tl.arange(0, CHUNK)
    for start in range(0, columns, COLUMNS):
        column = start + tl.arange(0, COLUMNS)
        inside = column[:, None] < columns
        products = tl.zeros((COLUMNS, CHUNK), tl.float32)
        for first in tl.static_range(0, inner, CHUNK):
            at = first + k
            part = tl.load(x + at, mask=at < inner, other=0.0)
            there = weight + column[:, None] * ROW + at[None, :]
            weights = tl.load(there, mask=inside & (at[None, :] < ROW), other=0.0)
            products += weights.to(tl.float32) * part[None, :]
        sums = tl.sum(products, 1)
        if bias is not None:
            sums += tl.load(bias + column, mask=column < columns, other=0.0)
        if RELU:
            sums = tl.maximum(sums, 0.0)
        tl.store(y + column, sums, mask=column < columns)
    tl.debug_barrier()
