"""The projection onto the vocabulary, with what a search needs of it (the last op of a step).

Each program computes a tile of words for a block of rows and keeps of it the best words and the
sum of exponentials; logits travel to memory only if they are asked for. The last program of a block
of rows merges what the tiles kept: the best words of each row, in order, and its log-normaliser.
Greedy decoding needs no further kernel, a beam none that reads the vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK_ROWS = 16  # the least that tl.dot takes
BLOCK_WORDS = 128  # 23,700 words are 186 tiles, on 132 multiprocessors
BLOCK_INNER = 64
WARPS = 8  # 4 would spill


class Best(NamedTuple):
    """The best words of each row, best first, lowest id on ties."""

    words: Tensor  # int32 (rows, kept)
    logits: Tensor  # float32 (rows, kept); -inf: there is no such word
    normalisers: Tensor  # float32 (rows,): log of the sum of all exponentials; 0 if all are blocked


@triton.jit
def finite(top):
    """Words may be blocked altogether: a maximum of -inf becomes 0, so that nothing is NaN."""
    return tl.where(top == float("-inf"), 0.0, top)


@triton.jit
def project_kernel(
    hidden, weight, bias, positions, best_words, best_logits, normalisers, logits,
    tile_words, tile_logits, masses, arrived,
    rows, words, dim, end_word, min_new_tokens, tiles,
    LOGITS: tl.constexpr, KEPT: tl.constexpr,
    ROWS: tl.constexpr, WORDS: tl.constexpr, INNER: tl.constexpr, TILES: tl.constexpr,
):  # fmt: skip
    tile, block = tl.program_id(0), tl.program_id(1)
    row = block * ROWS + tl.arange(0, ROWS)
    word = tile * WORDS + tl.arange(0, WORDS)
    offsets = tl.arange(0, INNER)
    sums = tl.zeros((ROWS, WORDS), tl.float32)
    for start in range(0, dim, INNER):
        k = start + offsets
        x = tl.load(
            hidden + row[:, None] * dim + k[None, :],
            mask=(row[:, None] < rows) & (k[None, :] < dim),
            other=0.0,
        )
        weights = tl.load(
            weight + word[None, :].to(tl.int64) * dim + k[:, None],
            mask=(word[None, :] < words) & (k[:, None] < dim),
            other=0.0,
        )
        sums += tl.dot(x.to(weights.dtype), weights, input_precision="ieee")
    sums += tl.load(bias + word, mask=word < words, other=float("-inf"))
    too_early = tl.load(positions + row, mask=row < rows, other=0) < min_new_tokens
    sums = tl.where(too_early[:, None] & (word[None, :] == end_word), float("-inf"), sums)
    if LOGITS:
        to = logits + row[:, None].to(tl.int64) * words + word[None, :]
        tl.store(to, sums, mask=(row[:, None] < rows) & (word[None, :] < words))

    own = row * tiles + tile
    top = tl.max(sums, 1)
    tl.store(masses + own, tl.sum(tl.exp(sums - finite(top)[:, None]), 1), mask=row < rows)
    for rank in tl.static_range(KEPT):
        top = tl.max(sums, 1)
        best = tl.min(tl.where(sums == top[:, None], word[None, :], words), 1)
        tl.store(tile_logits + own * KEPT + rank, top, mask=row < rows)
        tl.store(tile_words + own * KEPT + rank, best, mask=row < rows)
        if rank + 1 < KEPT:
            sums = tl.where(word[None, :] == best[:, None], float("-inf"), sums)

    tl.debug_barrier()  # every thread has stored its share
    if tl.atomic_add(arrived + block, 1) == tiles - 1:
        one = tl.arange(0, TILES)
        inside = (row[:, None] < rows) & (one[None, :] < tiles)
        at = row[:, None] * tiles + one[None, :]
        tops = tl.load(tile_logits + at * KEPT, mask=inside, other=float("-inf"))
        mass = tl.load(masses + at, mask=inside, other=0.0)
        top = tl.max(tops, 1)
        floor = finite(top)
        total = tl.sum(mass * tl.exp(tops - floor[:, None]), 1)  # a blocked tile weighs exp(-inf)
        # If every word is blocked the reply ends, with probability 1.
        ends = total == 0.0
        total = tl.where(ends, 1.0, total)
        tl.store(normalisers + row, floor + tl.log(total), mask=row < rows)
        # The next word of each tile, of which the best is taken.
        head = tl.zeros((ROWS, TILES), tl.int32)
        for rank in tl.static_range(KEPT):
            there = inside & (head < KEPT)
            heads = tl.load(tile_logits + at * KEPT + head, mask=there, other=float("-inf"))
            found = tl.load(tile_words + at * KEPT + head, mask=there, other=0)
            top = tl.max(heads, 1)
            best = tl.min(tl.where(heads == top[:, None], found, words), 1)
            said = tl.where(top == float("-inf"), end_word, best)
            tl.store(best_words + row * KEPT + rank, said, mask=row < rows)
            logit = tl.where(ends, 0.0, top) if rank == 0 else top
            tl.store(best_logits + row * KEPT + rank, logit, mask=row < rows)
            head += (heads == top[:, None]) & (found == best[:, None])
        tl.store(arrived + block, 0)  # for the next launch


def project(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    positions: Tensor,
    *,
    end_word: int,
    min_new_tokens: int = 0,
    kept: int = 1,
    logits: Tensor | None = None,
) -> Best:
    """The best words of each row, and their normaliser.

    Args:
        hidden: float32 (rows, dim), contiguous.
        weight: (vocabulary, dim), any float type, contiguous.
        bias: float32 (vocabulary,); -inf blocks a word.
        positions: int32 (rows,): how many words each reply has.
        end_word: blocked where the reply has fewer than `min_new_tokens` words; said, with a logit
            of 0, where every word is blocked.
        kept: how many words, 1 to BLOCK_WORDS.
        logits: where to write all of them, float32 (rows, vocabulary).
    """
    (rows, dim), words = hidden.shape, len(bias)
    tiles, blocks = triton.cdiv(words, BLOCK_WORDS), triton.cdiv(rows, BLOCK_ROWS)

    def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.empty(*shape, dtype=dtype, device=hidden.device)

    best = Best(empty(rows, kept, dtype=torch.int32), empty(rows, kept), empty(rows))
    tile_words, tile_logits = empty(rows, tiles, kept, dtype=torch.int32), empty(rows, tiles, kept)
    arrived = torch.zeros(blocks, dtype=torch.int32, device=hidden.device)
    project_kernel[tiles, blocks](
        hidden, weight, bias, positions, *best, logits,
        tile_words, tile_logits, empty(rows, tiles), arrived,
        rows, words, dim, end_word, min_new_tokens, tiles,
        LOGITS=logits is not None, KEPT=kept,
        ROWS=BLOCK_ROWS, WORDS=BLOCK_WORDS, INNER=BLOCK_INNER,
        TILES=triton.next_power_of_2(tiles), num_warps=WARPS,
    )  # fmt: skip
    return best
