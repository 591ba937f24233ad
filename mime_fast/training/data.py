"""Encoding and batching of (context, reply) pairs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS
from mime_fast.models.base import pad
from mime_fast.options import table
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.examples import Example
from mime_fast.text.tokenizer import EOS, SPECIAL_WORDS, Tokenizer, learn_words
from mime_fast.types import Dialogue

BUCKET = 50  # batches that are sorted by length together: 1.1 times the work of no padding at all
ONE_HOT = torch.eye(len(EMOTIONS)).tolist()


class Pair(NamedTuple):
    """An encoded example."""

    dialogue: Dialogue
    reply: list[int]  # words, then EOS
    emotion: int
    soft_label: Sequence[float]  # (32,) shares of the emotions: what training aims at


class Batch(NamedTuple):
    """Padded tensors of several pairs, int64 but the last."""

    tokens: Tensor  # (batch, length)
    speakers: Tensor  # (batch, length)
    emotion: Tensor  # (batch,)
    reply: Tensor  # (batch, reply length)
    soft_label: Tensor  # (batch, 32) float32

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


def encode_pairs(
    tokenizer: Tokenizer, examples: Iterable[Example], max_positions: int
) -> list[Pair]:
    """Encode examples; replies keep their first words when longer than the position table."""
    return [
        Pair(
            encode_dialogue(tokenizer, example.context, max_positions),
            [*tokenizer.encode(example.target)[: max_positions - 1], EOS],
            example.emotion,
            ONE_HOT[example.emotion],
        )
        for example in examples
    ]


def learn_vocabulary(examples: Iterable[Example], min_count: int) -> list[str]:
    """The words of a new model; ValueError: min_count leaves too few or too many."""
    texts: dict[str, None] = {}  # each once: later contexts repeat a conversation's earlier turns
    for example in examples:
        texts.update(dict.fromkeys([*example.context, example.target]))
    words = learn_words(texts, min_count)
    (sizes,) = (line.option.within for line in table(ModelConfig) if line.name == "vocab_size")
    size = len(SPECIAL_WORDS) + len(words)
    if sizes and size not in sizes:
        raise ValueError(
            f"min_count={min_count} (--min-count) leaves {len(words)} words of the data; with the "
            f"{len(SPECIAL_WORDS)} special ones there must be a number {sizes.describe()}; "
            f"{'raise' if words else 'lower'} it"
        )
    return words


def collate(pairs: Sequence[Pair]) -> Batch:
    """Pairs -> one padded batch."""
    return Batch(
        pad([pair.dialogue.tokens for pair in pairs]),
        pad([pair.dialogue.speakers for pair in pairs]),
        torch.tensor([pair.emotion for pair in pairs]),
        pad([pair.reply for pair in pairs]),
        torch.tensor([pair.soft_label for pair in pairs]),
    )


def soften(pairs: Sequence[Pair], probabilities: Tensor, share: float) -> list[Pair]:
    """The same pairs with softer labels: a teacher's probabilities (pairs, 32) are a share of them.

    The rest is the label's. Hinton et al., arXiv 1503.02531, at temperature 1.
    """
    labels = torch.tensor([pair.soft_label for pair in pairs])
    softer = share * probabilities + (1 - share) * labels
    return [pair._replace(soft_label=row) for pair, row in zip(pairs, softer.tolist(), strict=True)]


def shuffled_batches(pairs: Sequence[Pair], size: int, seed: int) -> list[list[Pair]]:
    """One epoch in an order given by the seed: batches of similar context length, shuffled."""
    shuffler = random.Random(seed)  # noqa: S311 - an order, not a secret
    order = list(pairs)
    shuffler.shuffle(order)
    batches = []
    for start in range(0, len(order), size * BUCKET):
        bucket = sorted(order[start : start + size * BUCKET], key=_length)
        batches += [bucket[i : i + size] for i in range(0, len(bucket), size)]
    shuffler.shuffle(batches)
    return batches


def sorted_batches(pairs: Sequence[Pair], size: int) -> list[list[Pair]]:
    """All pairs once, in batches of similar length: for evaluation, where order is free."""
    order = [pairs[index] for index in length_order(pairs)]
    return [order[i : i + size] for i in range(0, len(order), size)]


def length_order(pairs: Sequence[Pair]) -> list[int]:
    """The indices of the pairs in the order of sorted_batches."""
    return sorted(range(len(pairs)), key=lambda index: _length(pairs[index]))


def _length(pair: Pair) -> tuple[int, int]:
    return len(pair.dialogue.tokens), len(pair.reply)
