"""The caches of the rows that are decoded, and what reads them.

A cache is never moved: `kv_positions` holds the column in which each position was decoded. When
hypotheses fork or leave, only that table is gathered.
"""

from __future__ import annotations

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

from mime_fast.kernels.matvec import share


class Caches(NamedTuple):
    """Caches of the rows. Where columns are more than rows, the rest is unused."""

    sources: Tensor  # int32 (rows,): the request that the row answers
    # int32 (rows, steps): the column that each earlier position was decoded in
    kv_positions: Tensor
    keys_values: Tensor  # float32 (layers, steps, columns, 2 * key_dim): keys, then values
    inner: Tensor  # float32 (layers, steps, columns, dim): inputs of the first convolution
    outer: Tensor  # float32 (layers, steps, columns, filter): and of the second
    cross: Tensor  # float32 (layers, requests, source, 2 * key_dim)
    lengths: Tensor  # int32 (requests,): of the sources

    @property
    def histories(self) -> tuple[str, ...]:
        """The fields that have an entry for each step and column."""
        return "keys_values", "inner", "outer"


class LlamaCaches(NamedTuple):
    """Caches of the rows of mime-base's decoder, likewise."""

    sources: Tensor  # as in Caches
    kv_positions: Tensor
    keys_values: Tensor  # float32 (layers, steps, columns, 2 * kv_dim): keys, then values
    cross: Tensor  # float32 (layers, requests, source, 2 * kv_dim)
    lengths: Tensor
    conditioning: Tensor  # float32 (requests, dim): added to each input of the decoder

    @property
    def histories(self) -> tuple[str, ...]:
        """The fields that have an entry for each step and column."""
        return ("keys_values",)


@triton.jit
def attend(
    query, memory, kv_positions, out, count, columns, scale, key_dim: tl.constexpr,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, BLOCK_WIDTH: tl.constexpr, TIMES: tl.constexpr,
):  # fmt: skip
    """One query (key_dim,) over `count` entries of keys and values; all in memory.

    Entry t is column kv_positions[t] of step t; where kv_positions is None, the t-th of the memory.
    """
    lane = tl.arange(0, BLOCK_WIDTH)
    for head in tl.static_range(HEADS):
        first = head * WIDTH
        own = tl.load(query + first + lane, mask=lane < WIDTH, other=0.0) * scale
        top = tl.full((), float("-inf"), tl.float32)
        total = tl.zeros((), tl.float32)
        mixed = tl.zeros((BLOCK_WIDTH,), tl.float32)
        for start in range(0, count, TIMES):
            time = start + tl.arange(0, TIMES)
            entry = time
            if kv_positions is not None:
                entry = time * columns + tl.load(kv_positions + time, mask=time < count, other=0)
            inside = (time[:, None] < count) & (lane[None, :] < WIDTH)
            keys = memory + entry[:, None].to(tl.int64) * 2 * key_dim + first + lane[None, :]
            products = tl.load(keys, mask=inside, other=0.0) * own[None, :]
            logits = tl.where(time < count, tl.sum(products, 1), float("-inf"))
            new_top = tl.maximum(top, tl.max(logits, 0))
            weights = tl.exp(logits - new_top)
            old = tl.exp(top - new_top)
            total = total * old + tl.sum(weights, 0)
            values = tl.load(keys + key_dim, mask=inside, other=0.0)
            mixed = mixed * old + tl.sum(weights[:, None] * values, 0)
            top = new_top
        tl.store(out + first + lane, mixed / total, mask=lane < WIDTH)
    tl.debug_barrier()


@triton.jit
def share_window(
    to, history, kv_positions, position, columns, size: tl.constexpr, WINDOW: tl.constexpr
):  # fmt: skip
    """The newest three entries of a row side by side, oldest first; 0 before the first one."""
    lane = tl.arange(0, WINDOW)
    time = position - 2 + lane // size
    inside = (lane < 3 * size) & (time >= 0)
    column = tl.load(kv_positions + time, mask=inside, other=0)
    entry = (time * columns + column).to(tl.int64)
    window = tl.load(history + entry * size + lane % size, mask=inside, other=0.0)
    share(to + lane, window, lane < 3 * size)
