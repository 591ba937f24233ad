"""Attention of the rows of a step, one query each: to what was decoded before, or to the memory.

One program computes one head of a row. Several heads of queries share one of keys and values.
Rotary positions rotate pairs of columns; the first columns of all pairs come first in a head, then
the second ones. The cache holds keys that are not rotated: a program rotates those that it reads.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from mime_fast.kernels.row_caches import LlamaCaches

BLOCK_TIMES = 32
WARPS = 1  # 4 would have 12 barriers for each block of times, where 1 has 2 or none


class Rotation(NamedTuple):
    """The angles of positions; float32 (positions, width / 2) each."""

    cosine: Tensor
    sine: Tensor


@triton.jit
def attend_rows_kernel(
    query, memory, out, active, positions, sources, kv_positions, lengths, cosine, sine,
    steps, columns, source_size, scale,
    query_row: tl.constexpr, out_row: tl.constexpr, kv_dim: tl.constexpr,
    GROUP: tl.constexpr, HALF: tl.constexpr, BLOCK_HALF: tl.constexpr, TIMES: tl.constexpr,
):  # fmt: skip
    row, head = tl.program_id(0), tl.program_id(1)
    if tl.load(active + row) == 0:
        return
    half = tl.arange(0, BLOCK_HALF)
    real = half < HALF
    queries = query + row * query_row + head * 2 * HALF + half
    first = tl.load(queries, mask=real, other=0.0) * scale
    second = tl.load(queries + HALF, mask=real, other=0.0) * scale
    if kv_positions is None:
        source = tl.load(sources + row)
        count = tl.load(lengths + source)
        memory += (source * source_size).to(tl.int64) * 2 * kv_dim
    else:
        position = tl.load(positions + row)
        count = position + 1
        own_cosine = tl.load(cosine + position * HALF + half, mask=real, other=0.0)
        own_sine = tl.load(sine + position * HALF + half, mask=real, other=0.0)
        first, second = (
            first * own_cosine - second * own_sine, first * own_sine + second * own_cosine
        )  # fmt: skip
    top = tl.full((), float("-inf"), tl.float32)
    total = tl.zeros((), tl.float32)
    mixed_first = tl.zeros((BLOCK_HALF,), tl.float32)
    mixed_second = tl.zeros((BLOCK_HALF,), tl.float32)
    for start in range(0, count, TIMES):
        time = start + tl.arange(0, TIMES)
        there = time < count
        entry = time
        if kv_positions is not None:
            column = tl.load(kv_positions + row * steps + time, mask=there, other=0)
            entry = time * columns + column
        inside = there[:, None] & real[None, :]
        keys = memory + entry[:, None].to(tl.int64) * 2 * kv_dim + half[None, :]
        keys += head // GROUP * 2 * HALF
        one = tl.load(keys, mask=inside, other=0.0)
        other = tl.load(keys + HALF, mask=inside, other=0.0)
        if kv_positions is not None:
            at = time[:, None] * HALF + half[None, :]
            cosines = tl.load(cosine + at, mask=inside, other=0.0)
            sines = tl.load(sine + at, mask=inside, other=0.0)
            one, other = one * cosines - other * sines, one * sines + other * cosines
        logits = tl.sum(one * first[None, :] + other * second[None, :], 1)
        logits = tl.where(there, logits, float("-inf"))
        new_top = tl.maximum(top, tl.max(logits, 0))
        weights = tl.exp(logits - new_top)
        old = tl.exp(top - new_top)
        total = total * old + tl.sum(weights, 0)
        values = keys + kv_dim
        one = tl.load(values, mask=inside, other=0.0)
        other = tl.load(values + HALF, mask=inside, other=0.0)
        mixed_first = mixed_first * old + tl.sum(weights[:, None] * one, 0)
        mixed_second = mixed_second * old + tl.sum(weights[:, None] * other, 0)
        top = new_top
    to = out + row * out_row + head * 2 * HALF + half
    tl.store(to, mixed_first / total, mask=real)
    tl.store(to + HALF, mixed_second / total, mask=real)


def attend_rows(
    query: Tensor,
    memory: Tensor,
    active: Tensor,
    caches: LlamaCaches,
    heads: int,
    own: tuple[Tensor, Rotation] | None = None,
) -> Tensor:
    """Attention of each active row; of other rows nothing is written.

    Args:
        query: float32 (rows, heads * width), width even.
        memory: float32 (steps, columns, 2 * kv_dim), a layer's keys_values, if `own` is there; or
            else (requests, source, 2 * kv_dim), a layer's cross.
        active: int32 (rows,): 1 where a row goes on, else 0.
        caches: see LlamaCaches; which entries of the memory a row reads.
        heads: of the queries.
        own: positions int32 (rows,) of the newest words, and the rotation of positions; None: the
            row attends to its request's context, without positions.
    """
    rows, size = query.shape
    kv_dim, half = memory.shape[-1] // 2, size // heads // 2
    positions, rotation = own or (None, (None, None))
    out = torch.empty(rows, size, device=query.device)
    attend_rows_kernel[rows, heads](
        query=query, memory=memory, out=out, active=active, positions=positions,
        sources=caches.sources, kv_positions=None if own is None else caches.kv_positions,
        lengths=caches.lengths, cosine=rotation[0], sine=rotation[1],
        steps=caches.kv_positions.shape[1], columns=memory.shape[1], source_size=memory.shape[1],
        scale=(2 * half) ** -0.5, query_row=query.stride(0), out_row=out.stride(0), kv_dim=kv_dim,
        GROUP=heads * 2 * half // kv_dim, HALF=half, BLOCK_HALF=triton.next_power_of_2(half),
        TIMES=BLOCK_TIMES, num_warps=WARPS,
    )  # fmt: skip
    return out
