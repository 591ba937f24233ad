"""The first launch of a step of mime-base's decoder: which rows go on, and their inputs."""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from mime_fast.kernels.replies import Replies, active_rows
from mime_fast.kernels.row_caches import LlamaCaches


class StepInputs(NamedTuple):
    """What the layers of a step read."""

    x: Tensor  # float32 (rows, dim); not written where a row has ended
    active: Tensor  # int32 (rows,): 1 where a row goes on, else 0
    places: Tensor  # int32 (rows,): step * columns + row of its cache, -1 where it has ended


@triton.jit
def begin_step_kernel(
    words, scale, conditioning, generated, positions, limits, sources, kv_positions,
    x, active, places, end_word, steps, columns,
    dim: tl.constexpr, ROW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    goes_on = active_rows(
        generated=generated, positions=positions, limits=limits, row=row, real=True,
        stride=steps + 1, end_word=end_word,
    )  # fmt: skip
    tl.store(active + row, goes_on.to(tl.int32))
    if not goes_on:
        tl.store(places + row, -1)
        return
    position = tl.load(positions + row)
    tl.store(places + row, position * columns + row)
    tl.store(kv_positions + row * steps + position, row)
    token = tl.load(generated + row * (steps + 1) + position).to(tl.int64)
    source = tl.load(sources + row)
    lane = tl.arange(0, BLOCK)
    inside = lane < dim
    word = tl.load(words + token * ROW + lane, mask=inside, other=0.0).to(tl.float32)
    if scale is not None:
        word *= tl.load(scale + token)
    word += tl.load(conditioning + source * dim + lane, mask=inside, other=0.0)
    tl.store(x + row * dim + lane, word, mask=inside)


def begin_step(
    replies: Replies, caches: LlamaCaches, words: Tensor, scale: Tensor | None, end_word: int
) -> StepInputs:
    """The newest word of each active row, with the conditioning of its request added.

    Args:
        replies: see Replies.
        caches: see LlamaCaches; kv_positions are written at `positions`.
        words: (vocabulary, dim), any float type, or int8 with a scale.
        scale: float32 (vocabulary,); None: words are as they are.
        end_word: rows whose newest word it is have ended.
    """
    (rows, steps), dim, device = caches.kv_positions.shape, words.shape[1], words.device
    found = StepInputs(
        torch.empty(rows, dim, device=device),
        torch.empty(rows, dtype=torch.int32, device=device),
        torch.empty(rows, dtype=torch.int32, device=device),
    )
    begin_step_kernel[rows,](
        words=words, scale=scale, conditioning=caches.conditioning,
        generated=replies.generated, positions=replies.positions, limits=replies.limits,
        sources=caches.sources, kv_positions=caches.kv_positions, **found._asdict(),
        end_word=end_word, steps=steps, columns=caches.keys_values.shape[2],
        dim=dim, ROW=words.stride(0), BLOCK=triton.next_power_of_2(dim),
    )  # fmt: skip
    return found
