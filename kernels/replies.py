"""The replies as the kernels of a step read them: words so far, limits and penalties."""

from __future__ import annotations

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor


class Replies(NamedTuple):
    """One row a hypothesis. A row is active until its newest word is the end, or it is full."""

    generated: Tensor  # int32 (rows, steps + 1): start of reply, then its words
    positions: Tensor  # int32 (rows,): of the newest word
    limits: Tensor  # int32 (rows, 3): max_new_tokens, min_new_tokens, no_repeat_ngram_size
    penalties: Tensor  # float32 (rows,): repetition_penalty


@triton.jit
def read_limit(limits, row, real, WHICH: tl.constexpr):
    """One of the limits of the rows that are real; 0 for others."""
    return tl.load(limits + row * 3 + WHICH, mask=real, other=0)


@triton.jit
def active_rows(generated, positions, limits, row, real, stride, end_word):
    """Return which of these rows go on; stride: steps + 1."""
    position = tl.load(positions + row, mask=real, other=0)
    newest = tl.load(generated + row * stride + position, mask=real, other=end_word)
    return (newest != end_word) & (position < read_limit(limits, row, real, 0))
