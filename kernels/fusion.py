"""The gate that fuses both refinements of the context (Eq. 24-27), its two products in one kernel.

Each program computes some gates of a block of positions and what they add to every output. The last
one of a block adds the parts up, always in the same order: no atomic addition, the same bits. Where
there are many blocks, one program computes all gates of a block, and adds in that order too.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK_ROWS = 16  # the least that tl.dot takes
BLOCK_GATES = 64  # 600 gates are ten parts, which the last program reads in about 2 us
BLOCK_INNER = 32  # 64 would spill
MOST_SPLIT = 64  # blocks whose gates are split: 12 MB of parts. More blocks fill the GPU without.


@triton.jit
def gated_inputs(
    rows, gate, gate_bias, one, real, width: tl.constexpr, ROW: tl.constexpr,
    GATES: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    """The gates `one` (GATES,) times their inputs: (ROWS, GATES); rows: pointers to the inputs."""
    sums = tl.zeros((rows.shape[0], GATES), tl.float32)
    for start in range(0, width, INNER):
        k = start + tl.arange(0, INNER)
        part = tl.load(
            rows[:, None] + k[None, :], mask=real[:, None] & (k[None, :] < width), other=0.0
        )
        weights = tl.load(
            gate + one[None, :] * ROW + k[:, None],
            mask=(one[None, :] < width) & (k[:, None] < ROW),
            other=0.0,
        )
        sums += tl.dot(part.to(weights.dtype), weights, input_precision="ieee")
    sums += tl.load(gate_bias + one, mask=one < width, other=0.0)
    inside = real[:, None] & (one[None, :] < width)
    return tl.load(rows[:, None] + one[None, :], mask=inside, other=0.0) / (1.0 + tl.exp(-sums))


@triton.jit
def output_part(
    gated, output, one, column, columns: tl.constexpr, ROW: tl.constexpr
):  # fmt: skip
    """What the gates `one` (GATES,) add to these columns: (ROWS, COLUMNS)."""
    weights = tl.load(
        output + column[None, :] * ROW + one[:, None],
        mask=(column[None, :] < columns) & (one[:, None] < ROW),
        other=0.0,
    )
    return tl.dot(gated.to(weights.dtype), weights, input_precision="ieee")


@triton.jit
def fusion_kernel(
    x, gate, gate_bias, output, output_bias, y, lengths, parts, arrived,
    x_batch, y_batch, x_row: tl.constexpr, y_row: tl.constexpr,
    width: tl.constexpr, columns: tl.constexpr, ROW: tl.constexpr,
    CHUNKS: tl.constexpr, ROWS: tl.constexpr, GATES: tl.constexpr, INNER: tl.constexpr,
    SPLIT: tl.constexpr,
):  # fmt: skip
    batch, block = tl.program_id(0), tl.program_id(1)
    length = tl.load(lengths + batch)
    if block * ROWS >= length:
        return
    row = block * ROWS + tl.arange(0, ROWS)
    real = row < length
    rows = x + batch * x_batch + row * x_row
    outputs = y + batch * y_batch + row[:, None] * y_row
    if SPLIT:
        chunk = tl.program_id(2)
        one = chunk * GATES + tl.arange(0, GATES)
        gated = gated_inputs(
            rows=rows, gate=gate, gate_bias=gate_bias, one=one, real=real, width=width, ROW=ROW,
            GATES=GATES, INNER=INNER,
        )  # fmt: skip
        base = (batch * tl.num_programs(1) + block) * CHUNKS
        local = tl.arange(0, ROWS)
        for start in range(0, columns, INNER):
            column = start + tl.arange(0, INNER)
            part = output_part(
                gated=gated, output=output, one=one, column=column, columns=columns, ROW=ROW
            )
            to = parts + ((base + chunk) * ROWS + local[:, None]) * columns + column[None, :]
            tl.store(to, part, mask=column[None, :] < columns)

        tl.debug_barrier()  # every thread has stored its share
        if tl.atomic_add(arrived + batch * tl.num_programs(1) + block, 1) == CHUNKS - 1:
            for start in range(0, columns, INNER):
                column = start + tl.arange(0, INNER)
                inside = column < columns
                total = tl.zeros((ROWS, INNER), tl.float32)
                total += tl.load(output_bias + column, mask=inside, other=0.0)
                for other in range(CHUNKS):
                    there = (
                        parts + ((base + other) * ROWS + local[:, None]) * columns + column[None, :]
                    )
                    total += tl.load(there, mask=inside[None, :], other=0.0)
                tl.store(outputs + column[None, :], total, mask=real[:, None] & inside[None, :])
            tl.store(arrived + batch * tl.num_programs(1) + block, 0)  # for the next launch
    else:
        for chunk in range(CHUNKS):
            one = chunk * GATES + tl.arange(0, GATES)
            gated = gated_inputs(
                rows=rows, gate=gate, gate_bias=gate_bias, one=one, real=real, width=width, ROW=ROW,
                GATES=GATES, INNER=INNER,
            )  # fmt: skip
            for start in range(0, columns, INNER):
                column = start + tl.arange(0, INNER)
                inside = real[:, None] & (column[None, :] < columns)
                added = output_part(
                    gated=gated, output=output, one=one, column=column, columns=columns, ROW=ROW
                )
                if chunk == 0:
                    total = tl.load(output_bias + column, mask=column < columns, other=0.0)[None, :]
                    total = tl.broadcast_to(total, added.shape)
                else:
                    total = tl.load(outputs + column[None, :], mask=inside, other=0.0)
                tl.store(outputs + column[None, :], total + added, mask=inside)
            tl.debug_barrier()  # another thread may read what this one has stored


def fusion(
    both: Tensor,
    gate: Tensor,
    gate_bias: Tensor,
    output: Tensor,
    output_bias: Tensor,
    lengths: Tensor,
    arrived: Tensor | None = None,
) -> Tensor:
    """Fuse: y = (sigmoid(both gate + gate_bias) * both) output + output_bias.

    Args:
        both: float32 (batch, length, width): the mimicking context, then the non-mimicking one.
        gate: (width, width), any float type; gate_bias float32 (width,).
        output: (columns, width) of the same type; output_bias float32 (columns,).
        lengths: int32 (batch,); rows beyond are neither read nor written.
        arrived: int32, at least batch * length zeros, and left so; made if left out.

    Returns: float32 (batch, length, columns).
    """
    (batch, length, width), columns = both.shape, len(output)
    blocks, chunks = triton.cdiv(length, BLOCK_ROWS), triton.cdiv(width, BLOCK_GATES)
    y = torch.empty(batch, length, columns, device=both.device)
    split = batch * blocks <= MOST_SPLIT
    assert gate.stride(0) == output.stride(0)  # noqa: S101 - both are padded alike
    parts = None
    if split:
        parts = torch.empty(batch, blocks, chunks, BLOCK_ROWS, columns, device=both.device)
    if arrived is None:
        arrived = torch.zeros(batch, blocks, dtype=torch.int32, device=both.device)
    fusion_kernel[batch, blocks, chunks if split else 1](
        x=both, gate=gate, gate_bias=gate_bias, output=output, output_bias=output_bias, y=y,
        lengths=lengths, parts=parts, arrived=arrived,
        x_batch=both.stride(0), x_row=both.stride(1), y_batch=y.stride(0), y_row=y.stride(1),
        width=width, columns=columns, ROW=gate.stride(0),
        CHUNKS=chunks, ROWS=BLOCK_ROWS, GATES=BLOCK_GATES, INNER=BLOCK_INNER,
        SPLIT=split,
    )  # fmt: skip
    return y
