"""The projection onto the vocabulary, with what a search needs of it (the last op of a step).

Each program computes a tile of words for a block of rows, and keeps its best words and its sum of
exponentials. Logits are written to memory only if they are asked for. The last program of a block
of rows merges what the tiles kept: the best words of each row, in order, and its log-partition.
Greedy decoding needs no further kernel: that program appends the best word. A beam needs none that
reads the vocabulary. Blocks of rows that have all ended return at once.

Up to MOST_VECTORS rows are multiplied one by one, in at most one tile a multiprocessor: all weights
are on their way at once. More rows are tiles of tl.dot.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from mime_fast.kernels.layer_norm import Norm, inverse_deviation
from mime_fast.kernels.linear import MOST_VECTORS, product_of
from mime_fast.kernels.replies import Replies, active_rows, read_limit

BLOCK_ROWS = 16  # the least that tl.dot takes
BLOCK_WORDS = 128  # of tl.dot
# By the bytes of a weight; 64 of float32 would spill.
BLOCK_INNER = {4: 32, 2: 32, 1: 32}
# With constraints, more would spill.
BLOCK_INNER_CONSTRAINED = {4: 16, 2: 32, 1: 32}
WARPS = 8  # 4 would spill
REGISTERS = 240  # of a thread; the assembler would rather spill than use more than 128
MULTIPROCESSORS = 132  # of an H100 or H200; 23,700 words are 180 for each
LEAST_WORDS = 64  # of a tile
VECTOR_PRODUCTS = 8192  # of a tile at a time: 32 of a thread
MOST_INNER = {4: 32, 2: 64, 1: 128}  # 128 bytes of a word


class Best(NamedTuple):
    """The best words of each row, best first, lowest id on ties."""

    words: Tensor  # int32 (rows, kept)
    logits: Tensor  # float32 (rows, kept); -inf: there is no such word
    log_partitions: Tensor  # float32 (rows,): of all words' logits; 0 if all are blocked


@triton.jit
def finite(top):
    """Words may be blocked altogether: a maximum of -inf becomes 0, so that nothing is NaN."""
    return tl.where(top == float("-inf"), 0.0, top)


@triton.jit
def constrain(sums, word, generated, row, position, active, ngram, penalty, stride, end_word):
    """Make the generated words of a row less likely, and block what would repeat an n-gram of it.

    sums (ROWS, WORDS), word (WORDS,), the others (ROWS,). The n-gram that ends at `at` would be
    repeated if the words before it are the newest ones.
    """
    state = tl.zeros(sums.shape, tl.int32)  # 1: was generated, 2: is blocked too
    overlap = tl.max(tl.where(ngram <= position, ngram, 0), 0)  # none longer has been generated
    for at in range(1, tl.max(position, 0) + 1):
        there = active & (at <= position)
        token = tl.load(generated + row * stride + at, mask=there, other=-1)
        repeats = there & (ngram > 0) & (at >= ngram) & (token != end_word)
        for back in range(1, overlap):
            reads = repeats & (back < ngram)
            earlier = tl.load(generated + row * stride + at - back, mask=reads, other=0)
            newest = tl.load(generated + row * stride + position + 1 - back, mask=reads, other=0)
            repeats = repeats & (earlier == newest)
        found = tl.where(repeats, 2, 1)
        state = tl.maximum(state, tl.where(word[None, :] == token[:, None], found[:, None], 0))
    less = tl.where(sums > 0, sums / penalty[:, None], sums * penalty[:, None])
    return tl.where(state == 2, float("-inf"), tl.where(state == 1, less, sums))


@triton.jit
def tile_logits(
    hidden, gamma, weight, scale, bias, row, active, word, there, dim: tl.constexpr,
    ROW: tl.constexpr, INNER: tl.constexpr, EPSILON: tl.constexpr, VECTOR: tl.constexpr,
):  # fmt: skip
    """Logits (ROWS, WORDS) of these words; -inf where no word is there."""
    rows, columns = hidden + row * dim, weight + word.to(tl.int64) * ROW
    squares = tl.zeros((row.shape[0], INNER), tl.float32)
    if VECTOR:
        sums = tl.zeros((word.shape[0], INNER), tl.float32)
    else:
        sums = tl.zeros((row.shape[0], word.shape[0]), tl.float32)
    for start in range(0, dim, INNER):
        k = start + tl.arange(0, INNER)
        inside = active[:, None] & (k[None, :] < dim)
        x = tl.load(rows[:, None] + k[None, :], mask=inside, other=0.0)
        if gamma is not None:
            squares += x * x
            x *= tl.load(gamma + k, mask=k < dim, other=0.0)[None, :]
        if VECTOR:
            at = there[:, None] & (k[None, :] < ROW)
            weights = tl.load(columns[:, None] + k[None, :], mask=at, other=0.0)
            sums += weights.to(tl.float32) * x
        else:
            at = there[None, :] & (k[:, None] < ROW)
            weights = tl.load(columns[None, :] + k[:, None], mask=at, other=0.0)
            sums += product_of(x, weights, scale)
    if VECTOR:
        sums = tl.sum(sums, 1)[None, :]
    if gamma is not None:
        sums *= inverse_deviation(tl.sum(squares, 1), dim, EPSILON)[:, None]
    if scale is not None:
        sums *= tl.load(scale + word, mask=there, other=0.0)[None, :]
    return sums + tl.load(bias + word, mask=there, other=float("-inf"))[None, :]


@triton.jit
def keep_best(
    sums, row, active, word, there, generated, positions, limits, penalties, logits, tile,
    tile_words, tile_tops, tile_sums, words, end_word, steps, tiles,
    LOGITS: tl.constexpr, CONSTRAINED: tl.constexpr, KEPT: tl.constexpr,
):  # fmt: skip
    """Constrain the logits of a tile; keep its best words and its sum of exponentials."""
    position = tl.load(positions + row, mask=active, other=0)
    if CONSTRAINED:
        ngram = read_limit(limits, row, active, 2)
        penalty = tl.load(penalties + row, mask=active, other=1.0)
        sums = constrain(
            sums, word, generated=generated, row=row, position=position, active=active, ngram=ngram,
            penalty=penalty, stride=steps + 1, end_word=end_word,
        )  # fmt: skip
    too_early = position < read_limit(limits, row, active, 1)
    sums = tl.where(too_early[:, None] & (word[None, :] == end_word), float("-inf"), sums)
    if LOGITS:
        to = logits + row[:, None].to(tl.int64) * words + word[None, :]
        tl.store(to, sums, mask=active[:, None] & there[None, :])
    own = row * tiles + tile
    top = tl.max(sums, 1)
    tl.store(tile_sums + own, tl.sum(tl.exp(sums - finite(top)[:, None]), 1), mask=active)
    for rank in range(KEPT):  # unrolled, 32 would take a compiler 22 s
        top = tl.max(sums, 1)
        best = tl.min(tl.where(sums == top[:, None], word[None, :], words), 1)
        tl.store(tile_tops + own * KEPT + rank, top, mask=active)
        tl.store(tile_words + own * KEPT + rank, best, mask=active)
        sums = tl.where(word[None, :] == best[:, None], float("-inf"), sums)


@triton.jit
def project_kernel(
    hidden, gamma, weight, scale, bias, generated, positions, limits, penalties,
    best_words, best_logits, log_partitions, logits, log_probs,
    tile_words, tile_tops, tile_sums, arrived,
    rows, words, end_word, steps, tiles, dim: tl.constexpr, ROW: tl.constexpr,
    EPSILON: tl.constexpr,
    LOGITS: tl.constexpr, CONSTRAINED: tl.constexpr, APPEND: tl.constexpr, KEPT: tl.constexpr,
    ROWS: tl.constexpr, WORDS: tl.constexpr, BLOCK: tl.constexpr, INNER: tl.constexpr,
    TILES: tl.constexpr, VECTOR: tl.constexpr,
):  # fmt: skip
    tile, block = tl.program_id(0), tl.program_id(1)
    row = block * ROWS + tl.arange(0, ROWS)
    active = active_rows(
        generated=generated, positions=positions, limits=limits, row=row, real=row < rows,
        stride=steps + 1, end_word=end_word,
    )  # fmt: skip
    if tl.max(active.to(tl.int32), 0) == 0:
        return
    lane = tl.arange(0, BLOCK)
    word = tile * WORDS + lane
    there = (lane < WORDS) & (word < words)
    if VECTOR:
        for vector in range(rows):
            own = vector + tl.arange(0, 1)
            goes_on = active_rows(
                generated=generated, positions=positions, limits=limits, row=own, real=own < rows,
                stride=steps + 1, end_word=end_word,
            )  # fmt: skip
            if tl.max(goes_on.to(tl.int32), 0) == 1:
                sums = tile_logits(
                    hidden=hidden, gamma=gamma, weight=weight, scale=scale, bias=bias, row=own,
                    active=goes_on, word=word, there=there, dim=dim, ROW=ROW, INNER=INNER,
                    EPSILON=EPSILON, VECTOR=True,
                )  # fmt: skip
                keep_best(
                    sums=sums, row=own, active=goes_on, word=word, there=there,
                    generated=generated, positions=positions, limits=limits, penalties=penalties,
                    logits=logits, tile=tile, tile_words=tile_words, tile_tops=tile_tops,
                    tile_sums=tile_sums, words=words, end_word=end_word, steps=steps, tiles=tiles,
                    LOGITS=LOGITS, CONSTRAINED=CONSTRAINED, KEPT=KEPT,
                )  # fmt: skip
    else:
        sums = tile_logits(
            hidden=hidden, gamma=gamma, weight=weight, scale=scale, bias=bias, row=row,
            active=active, word=word, there=there, dim=dim, ROW=ROW, INNER=INNER, EPSILON=EPSILON,
            VECTOR=False,
        )  # fmt: skip
        keep_best(
            sums=sums, row=row, active=active, word=word, there=there,
            generated=generated, positions=positions, limits=limits, penalties=penalties,
            logits=logits, tile=tile, tile_words=tile_words, tile_tops=tile_tops,
            tile_sums=tile_sums, words=words, end_word=end_word, steps=steps, tiles=tiles,
            LOGITS=LOGITS, CONSTRAINED=CONSTRAINED, KEPT=KEPT,
        )  # fmt: skip

    tl.debug_barrier()  # every thread has stored its share
    if tl.atomic_add(arrived + block, 1) == tiles - 1:
        position = tl.load(positions + row, mask=active, other=0)
        one = tl.arange(0, TILES)
        inside = active[:, None] & (one[None, :] < tiles)
        at = row[:, None] * tiles + one[None, :]
        tops = tl.load(tile_tops + at * KEPT, mask=inside, other=float("-inf"))
        tile_sum = tl.load(tile_sums + at, mask=inside, other=0.0)
        top = tl.max(tops, 1)
        floor = finite(top)
        total = tl.sum(tile_sum * tl.exp(tops - floor[:, None]), 1)  # a blocked tile adds exp(-inf)
        # If every word is blocked the reply ends, with probability 1.
        ends = total == 0.0
        log_partition = floor + tl.log(tl.where(ends, 1.0, total))
        tl.store(log_partitions + row, log_partition, mask=active)
        # The next word of each tile, of which the best is taken.
        head = tl.zeros((ROWS, TILES), tl.int32)
        for rank in range(KEPT):
            unused = inside & (head < KEPT)
            heads = tl.load(tile_tops + at * KEPT + head, mask=unused, other=float("-inf"))
            found = tl.load(tile_words + at * KEPT + head, mask=unused, other=0)
            top = tl.max(heads, 1)
            best = tl.min(tl.where(heads == top[:, None], found, words), 1)
            # No logit equals the best one where it is NaN: the word must be one all the same.
            chosen = tl.where(top == float("-inf"), end_word, tl.minimum(best, words - 1))
            tl.store(best_words + row * KEPT + rank, chosen, mask=active)
            logit = tl.where(ends & (rank == 0), 0.0, top)
            tl.store(best_logits + row * KEPT + rank, logit, mask=active)
            if APPEND:  # it keeps one
                tl.store(generated + row * (steps + 1) + position + 1, chosen, mask=active)
                share = logit - log_partition
                share = tl.where(share > 0, 0.0, share)  # NaN stays: the host looks for it
                tl.store(log_probs + row * steps + position, share, mask=active)
                tl.store(positions + row, position + 1, mask=active)
            head += (heads == top[:, None]) & (found == best[:, None])
        tl.store(arrived + block, 0)  # for the next launch


def project(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    replies: Replies,
    *,
    end_word: int,
    scale: Tensor | None = None,
    norm: Norm | None = None,
    kept: int = 1,
    constrained: bool = False,
    logits: Tensor | None = None,
    log_probs: Tensor | None = None,
    arrived: Tensor | None = None,
) -> Best:
    """The best words of each active row, and their log-partition; of other rows nothing is written.

    Args:
        hidden: float32 (rows, dim), contiguous.
        weight: (vocabulary, dim), any float type or int8, perhaps padded.
        bias: float32 (vocabulary,); -inf blocks a word.
        replies: see Replies.
        scale: float32 (vocabulary,), of weights that are int8.
        norm: of the hidden vectors, root mean square; None: they are normalised.
        end_word: blocked where the reply has fewer than min_new_tokens words; chosen, with a logit
            of 0, where every word is blocked.
        kept: how many words, 1 to LEAST_WORDS.
        constrained: whether no_repeat_ngram_size and repetition_penalty are read.
        logits: where to write all of them, float32 (rows, vocabulary).
        log_probs: float32 (rows, steps): greedy decoding. The best word is appended to its reply,
            and here its log-probability.
        arrived: int32 (rows / BLOCK_ROWS, rounded up), zeros and left so; made if left out.
    """
    (rows, dim), words, steps = hidden.shape, len(bias), replies.generated.shape[1] - 1
    vector, size = rows <= MOST_VECTORS, weight.element_size()
    tile = max(LEAST_WORDS, triton.cdiv(words, MULTIPROCESSORS)) if vector else BLOCK_WORDS
    block = triton.next_power_of_2(tile)
    inner = (BLOCK_INNER_CONSTRAINED if constrained else BLOCK_INNER)[size]
    if vector:
        inner = min(MOST_INNER[size], max(16, VECTOR_PRODUCTS // block))
    tiles, blocks = triton.cdiv(words, tile), triton.cdiv(rows, BLOCK_ROWS)

    def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.empty(*shape, dtype=dtype, device=hidden.device)

    assert log_probs is None or kept == 1  # noqa: S101 - what is appended is the best
    if arrived is None:
        arrived = torch.zeros(blocks, dtype=torch.int32, device=hidden.device)
    best = Best(empty(rows, kept, dtype=torch.int32), empty(rows, kept), empty(rows))
    tile_words, tile_tops = empty(rows, tiles, kept, dtype=torch.int32), empty(rows, tiles, kept)
    project_kernel[tiles, blocks](
        hidden=hidden, gamma=None if norm is None else norm.gamma, weight=weight, scale=scale,
        bias=bias, **replies._asdict(),
        best_words=best.words, best_logits=best.logits, log_partitions=best.log_partitions,
        logits=logits, log_probs=log_probs,
        tile_words=tile_words, tile_tops=tile_tops, tile_sums=empty(rows, tiles),
        arrived=arrived,
        rows=rows, words=words, dim=dim, ROW=weight.stride(0),
        EPSILON=None if norm is None else norm.epsilon,
        end_word=end_word, steps=steps, tiles=tiles,
        LOGITS=logits is not None, CONSTRAINED=constrained, APPEND=log_probs is not None,
        KEPT=kept, ROWS=BLOCK_ROWS, WORDS=tile, BLOCK=block, INNER=inner,
        TILES=triton.next_power_of_2(tiles), VECTOR=vector, num_warps=WARPS, maxnreg=REGISTERS,
    )  # fmt: skip
    return best
