"""What the context encoder reads: word, speaker and position, each already projected."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def embed_kernel(
    tokens, speakers, lengths, words, timing, x, length, dim: tl.constexpr, ROW: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    batch, row = tl.program_id(0), tl.program_id(1)
    if row >= tl.load(lengths + batch):
        return
    offsets = tl.arange(0, BLOCK)
    inside = offsets < dim
    here = batch * length + row
    token = tl.load(tokens + here).to(tl.int64)
    speaker = tl.load(speakers + here).to(tl.int64)
    total = tl.load(timing + row * dim + offsets, mask=inside, other=0.0)
    total += tl.load(words + token * ROW + offsets, mask=inside, other=0.0)
    total += tl.load(words + speaker * ROW + offsets, mask=inside, other=0.0)
    tl.store(x + here * dim + offsets, total, mask=inside)


def embed(
    tokens: Tensor, speakers: Tensor, lengths: Tensor, words: Tensor, timing: Tensor
) -> Tensor:
    """words[tokens] + words[speakers] + timing.

    Args:
        tokens: int32 (batch, length), and speakers: ids of the vocabulary.
        lengths: int32 (batch,); rows beyond are not written.
        words: (vocabulary, dim), any float type; timing float32 (at least length, dim).

    Returns: float32 (batch, length, dim).
    """
    (batch, length), dim = tokens.shape, words.shape[1]
    x = torch.empty(batch, length, dim, device=tokens.device)
    embed_kernel[batch, length](
        tokens=tokens, speakers=speakers, lengths=lengths, words=words, timing=timing, x=x,
        length=length, dim=dim, ROW=words.stride(0), BLOCK=triton.next_power_of_2(dim),
    )  # fmt: skip
    return x
