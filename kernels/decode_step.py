"""The whole decoder for the newest word of each row, embedding to last norm, in one kernel.

One program computes one row, so rows never wait for each other, unless they are of one group
(kernels/row_groups.py). A row's numbers do not depend on which others are decoded. A program whose
reply has ended returns at once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from mime_fast.kernels.layer_norm import normalise
from mime_fast.kernels.matvec import matvec, share
from mime_fast.kernels.replies import Replies, active_rows
from mime_fast.kernels.row_caches import Caches, attend, share_window
from mime_fast.kernels.row_groups import MOST_POLLS, GroupProgress, await_group, publish, take_row

BLOCK_COLUMNS = 64  # with 16 warps, four of a warp: 16 weights of a thread are on their way at once
BLOCK_TIMES = 32
WARPS = 16
REGISTERS = 128  # all that 512 threads have; with less in mind, the assembler would spill


class DecoderWeights(NamedTuple):
    """Matrices of any one float type, vectors float32; all layers of a kind in one tensor."""

    words: Tensor  # (vocabulary, dim): embedded, scaled and projected
    timing: Tensor  # float32 (positions, dim)
    norms: Tensor  # (layers, 3, 2, dim): gamma and beta before attention, cross, feed-forward
    qkv: Tensor  # (layers, 3 * key_dim, dim)
    output: Tensor  # (layers, dim, key_dim)
    cross_query: Tensor  # (layers, key_dim, dim)
    cross_output: Tensor  # (layers, dim, key_dim)
    inner: Tensor  # (layers, filter, 3 * dim): taps side by side, oldest first
    inner_bias: Tensor  # (layers, filter)
    outer: Tensor  # (layers, dim, 3 * filter)
    outer_bias: Tensor  # (layers, dim)
    last_norm: Tensor  # (2, dim)


@triton.jit
def decode_step_kernel(
    words, timing, norms, qkv, output, cross_query, cross_output, inner, inner_bias, outer,
    outer_bias, last_norm,
    generated, positions, limits,
    sources, kv_positions, keys_values, inner_history, outer_history, cross, lengths,
    hidden, scratch, stages, ticket, failed, delays,
    end_word, columns, steps, source_size, keys_layer, inner_layer, outer_layer, cross_layer,
    scale, dim: tl.constexpr, key_dim: tl.constexpr, filter_dim: tl.constexpr,
    WORD_ROW: tl.constexpr, DIM_ROW: tl.constexpr, KEY_ROW: tl.constexpr,
    INNER_ROW: tl.constexpr, OUTER_ROW: tl.constexpr,
    LAYERS: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, BLOCK_WIDTH: tl.constexpr,
    DIM: tl.constexpr, KEY: tl.constexpr, INNER_WINDOW: tl.constexpr,
    OUTER_WINDOW: tl.constexpr, TIMES: tl.constexpr, COLUMNS: tl.constexpr, GROUP: tl.constexpr,
    POLLS: tl.constexpr, SCRATCH: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    if GROUP > 1:
        row = take_row(ticket, tl.num_programs(0))
    active = active_rows(
        generated=generated, positions=positions, limits=limits, row=row, real=True,
        stride=steps + 1, end_word=end_word,
    )  # fmt: skip
    if not active:
        return
    lane, key = tl.arange(0, DIM), tl.arange(0, KEY)
    real = lane < dim
    position = tl.load(positions + row)
    token = tl.load(generated + row * (steps + 1) + position)
    source = tl.load(sources + row)
    length = tl.load(lengths + source)
    own_kv_positions = kv_positions + row * steps
    tl.store(own_kv_positions + position, row)
    here = (position * columns + row).to(tl.int64)
    projected = scratch + row * SCRATCH
    attended, added = projected + 3 * key_dim, projected + 4 * key_dim
    vector = added + dim  # what is multiplied next: at most three taps of the widest input

    x = tl.load(words + token.to(tl.int64) * WORD_ROW + lane, mask=real, other=0.0).to(tl.float32)
    x += tl.load(timing + position * dim + lane, mask=real, other=0.0)
    stage = position * 3 * LAYERS
    polls = 0
    if GROUP > 1:
        # Nobody waits in a group that has failed. An atomic, so that all threads see the same:
        # another row may fail meanwhile.
        polls = tl.where(tl.atomic_add(failed + row // GROUP, 0, sem="relaxed") != 0, POLLS, 0)
    for _ in range(LAYERS):
        share(vector + lane, normalise(x, norms, norms + dim, dim, DIM), real)
        matvec(
            vector, qkv, bias=None, y=projected, columns=3 * key_dim, inner=dim, ROW=DIM_ROW,
            RELU=False, COLUMNS=COLUMNS,
        )  # fmt: skip
        for half in tl.static_range(2):
            part = tl.load(projected + (1 + half) * key_dim + key, mask=key < key_dim)
            to = keys_values + (2 * here + half) * key_dim
            tl.store(to + key, part, mask=key < key_dim)
        tl.debug_barrier()
        if GROUP > 1:
            publish(stages, delays, row, stage + 1, 3 * LAYERS)
            polls = await_group(
                stages=stages, failed=failed, row=row, stage=stage + 1, a_position=3 * LAYERS,
                polls=polls, GROUP=GROUP, POLLS=POLLS,
            )  # fmt: skip
        attend(
            projected, keys_values, kv_positions=own_kv_positions, out=attended, count=position + 1,
            columns=columns, key_dim=key_dim, scale=scale,
            HEADS=HEADS, WIDTH=WIDTH, BLOCK_WIDTH=BLOCK_WIDTH, TIMES=TIMES,
        )  # fmt: skip
        matvec(
            attended, output, bias=None, y=added, columns=dim, inner=key_dim, ROW=KEY_ROW,
            RELU=False, COLUMNS=COLUMNS,
        )  # fmt: skip
        x += tl.load(added + lane, mask=real, other=0.0)

        share(vector + lane, normalise(x, norms + 2 * dim, norms + 3 * dim, dim, DIM), real)
        matvec(
            vector, cross_query, bias=None, y=projected, columns=key_dim, inner=dim, ROW=DIM_ROW,
            RELU=False, COLUMNS=COLUMNS,
        )  # fmt: skip
        memory = cross + (source * source_size).to(tl.int64) * 2 * key_dim
        attend(
            projected, memory, kv_positions=None, out=attended, count=length,
            columns=columns, key_dim=key_dim, scale=scale,
            HEADS=HEADS, WIDTH=WIDTH, BLOCK_WIDTH=BLOCK_WIDTH, TIMES=TIMES,
        )  # fmt: skip
        matvec(
            attended, cross_output, bias=None, y=added, columns=dim, inner=key_dim, ROW=KEY_ROW,
            RELU=False, COLUMNS=COLUMNS,
        )  # fmt: skip
        x += tl.load(added + lane, mask=real, other=0.0)

        normed = normalise(x, norms + 4 * dim, norms + 5 * dim, dim, DIM)
        tl.store(inner_history + here * dim + lane, normed, mask=real)
        tl.debug_barrier()
        if GROUP > 1:
            publish(stages, delays, row, stage + 2, 3 * LAYERS)
            polls = await_group(
                stages=stages, failed=failed, row=row, stage=stage + 2, a_position=3 * LAYERS,
                polls=polls, GROUP=GROUP, POLLS=POLLS,
            )  # fmt: skip
        share_window(
            to=vector, history=inner_history, kv_positions=own_kv_positions, position=position,
            columns=columns, size=dim, WINDOW=INNER_WINDOW,
        )  # fmt: skip
        matvec(
            vector, inner, bias=inner_bias, y=outer_history + here * filter_dim,
            columns=filter_dim, inner=3 * dim, ROW=INNER_ROW, RELU=True, COLUMNS=COLUMNS,
        )  # fmt: skip
        if GROUP > 1:
            publish(stages, delays, row, stage + 3, 3 * LAYERS)
            polls = await_group(
                stages=stages, failed=failed, row=row, stage=stage + 3, a_position=3 * LAYERS,
                polls=polls, GROUP=GROUP, POLLS=POLLS,
            )  # fmt: skip
        stage += 3
        share_window(
            to=vector, history=outer_history, kv_positions=own_kv_positions, position=position,
            columns=columns, size=filter_dim, WINDOW=OUTER_WINDOW,
        )  # fmt: skip
        matvec(
            vector, outer, bias=outer_bias, y=added, columns=dim, inner=3 * filter_dim,
            ROW=OUTER_ROW, RELU=True, COLUMNS=COLUMNS,
        )  # fmt: skip
        x += tl.load(added + lane, mask=real, other=0.0)
        tl.debug_barrier()  # all have read what the next layer writes

        norms += 6 * dim
        qkv += 3 * key_dim * DIM_ROW
        output += dim * KEY_ROW
        cross_query += key_dim * DIM_ROW
        cross_output += dim * KEY_ROW
        inner += filter_dim * INNER_ROW
        inner_bias += filter_dim
        outer += dim * OUTER_ROW
        outer_bias += dim
        keys_values += keys_layer
        inner_history += inner_layer
        outer_history += outer_layer
        cross += cross_layer
    tl.store(hidden + row * dim + lane, normalise(x, last_norm, last_norm + dim, dim, DIM),
             mask=real)  # fmt: skip


def decode_step(
    replies: Replies,
    caches: Caches,
    weights: DecoderWeights,
    heads: int,
    end_word: int,
    group: int = 1,
    progress: GroupProgress | None = None,
) -> Tensor:
    """Decode the newest word of each active row; its keys, values and inputs are cached.

    Args:
        replies: see Replies.
        caches: see Caches; kv_positions, keys_values, inner and outer are written at `positions`.
        weights: see DecoderWeights.
        heads: of attention; they divide key_dim.
        end_word: rows whose newest word it is have ended.
        group: rows g * group to (g + 1) * group - 1 are words of one reply. Each is at the
            position behind that of the row before it, as in `kv_positions`.
        progress: with a group of more than one; see GroupProgress.

    Returns: float32 (rows, dim): the last norm's output; not written where a row has ended.
    """
    rows, steps = caches.kv_positions.shape
    layers, _, source_size, _ = caches.cross.shape
    columns = caches.keys_values.shape[2]
    dim, key_dim = weights.output.shape[1:]
    filter_dim, width = weights.inner.shape[1], key_dim // heads
    stages, ticket, failed, delays = progress or (None, None, None, None)
    # Matrices with the same inner dimension are padded alike.
    assert weights.qkv.stride(1) == weights.cross_query.stride(1)  # noqa: S101
    assert weights.output.stride(1) == weights.cross_output.stride(1)  # noqa: S101
    hidden = torch.empty(rows, dim, device=replies.generated.device)
    size = 4 * key_dim + dim + 3 * max(dim, filter_dim)
    scratch = torch.empty(rows, size, device=replies.generated.device)
    decode_step_kernel[rows,](
        **weights._asdict(),
        generated=replies.generated, positions=replies.positions, limits=replies.limits,
        sources=caches.sources, kv_positions=caches.kv_positions, keys_values=caches.keys_values,
        inner_history=caches.inner, outer_history=caches.outer, cross=caches.cross,
        lengths=caches.lengths, hidden=hidden, scratch=scratch,
        stages=stages, ticket=ticket, failed=failed, delays=delays,
        end_word=end_word, columns=columns, steps=steps, source_size=source_size,
        keys_layer=caches.keys_values.stride(0), inner_layer=caches.inner.stride(0),
        outer_layer=caches.outer.stride(0), cross_layer=caches.cross.stride(0),
        scale=width**-0.5, dim=dim, key_dim=key_dim, filter_dim=filter_dim,
        WORD_ROW=weights.words.stride(0), DIM_ROW=weights.qkv.stride(1),
        KEY_ROW=weights.output.stride(1),
        INNER_ROW=weights.inner.stride(1), OUTER_ROW=weights.outer.stride(1),
        LAYERS=layers, HEADS=heads, WIDTH=width,
        BLOCK_WIDTH=triton.next_power_of_2(width),
        DIM=triton.next_power_of_2(dim), KEY=triton.next_power_of_2(key_dim),
        INNER_WINDOW=triton.next_power_of_2(3 * dim),
        OUTER_WINDOW=triton.next_power_of_2(3 * filter_dim),
        TIMES=BLOCK_TIMES, COLUMNS=BLOCK_COLUMNS, GROUP=group, POLLS=MOST_POLLS, SCRATCH=size,
        num_warps=WARPS, maxnreg=REGISTERS,
    )  # fmt: skip
    return hidden
