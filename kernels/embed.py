"""What a context encoder reads: the sum of word, speaker and position, as the model has them."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def embed_kernel(
    tokens, speakers, lengths, words, scale, spoken, timing, x, length,
    dim: tl.constexpr, ROW: tl.constexpr, SPOKEN_ROW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    batch, row = tl.program_id(0), tl.program_id(1)
    if row >= tl.load(lengths + batch):
        return
    offsets = tl.arange(0, BLOCK)
    inside = offsets < dim
    here = batch * length + row
    token = tl.load(tokens + here).to(tl.int64)
    speaker = tl.load(speakers + here).to(tl.int64)
    word = tl.load(words + token * ROW + offsets, mask=inside, other=0.0).to(tl.float32)
    if scale is not None:
        word *= tl.load(scale + token)
    total = tl.load(timing + row * dim + offsets, mask=inside, other=0.0) + word
    total += tl.load(spoken + speaker * SPOKEN_ROW + offsets, mask=inside, other=0.0)
    tl.store(x + here * dim + offsets, total, mask=inside)


def embed(
    tokens: Tensor,
    speakers: Tensor,
    lengths: Tensor,
    words: Tensor,
    spoken: Tensor,
    timing: Tensor,
    scale: Tensor | None = None,
) -> Tensor:
    """words[tokens] * scale[tokens] + spoken[speakers] + timing.

    Args:
        tokens: int32 (batch, length), rows of words.
        speakers: likewise, of spoken.
        lengths: int32 (batch,); rows beyond are not written.
        words: (vocabulary, dim), any float type, or int8 with a scale.
        spoken: (speakers, dim), any float type; for MIME it is words.
        timing: float32 (at least length, dim).
        scale: float32 (vocabulary,); None: words are as they are.

    Returns: float32 (batch, length, dim).
    """
    (batch, length), dim = tokens.shape, words.shape[1]
    x = torch.empty(batch, length, dim, device=tokens.device)
    embed_kernel[batch, length](
        tokens=tokens, speakers=speakers, lengths=lengths, words=words, scale=scale, spoken=spoken,
        timing=timing, x=x, length=length, dim=dim,
        ROW=words.stride(0), SPOKEN_ROW=spoken.stride(0), BLOCK=triton.next_power_of_2(dim),
    )  # fmt: skip
    return x
