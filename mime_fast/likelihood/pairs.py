"""Encoded (context, reply) pairs, and padded batches of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mime_fast.emotions import EMOTIONS
from mime_fast.models.base import pad
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.examples import Example
from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.special import EOS
from mime_fast.types import Dialogue

ONE_HOT = torch.eye(len(EMOTIONS)).tolist()


class Pair(NamedTuple):
    """An encoded example."""

    dialogue: Dialogue
    reply: list[int]  # words, then EOS
    emotion: int
    soft_label: Sequence[float]  # (32,) shares of the emotions: what training aims at
    words: int  # of the reply, and its end: what its cost is divided by


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
    tokenizer: ReplyTokenizer, examples: Iterable[Example], max_positions: int
) -> list[Pair]:
    """Encode examples; replies keep their first words when longer than the position table."""
    return [_encode_pair(tokenizer, example, max_positions) for example in examples]


def _encode_pair(tokenizer: ReplyTokenizer, example: Example, max_positions: int) -> Pair:
    ids = tokenizer.encode_reply(example.target)[: max_positions - 1]
    return Pair(
        encode_dialogue(tokenizer, example.context, max_positions),
        [*ids, EOS],
        example.emotion,
        ONE_HOT[example.emotion],
        tokenizer.count_words(ids, example.target) + 1,
    )


def collate(pairs: Sequence[Pair]) -> Batch:
    """Pairs -> one padded batch."""
    return Batch(
        pad([pair.dialogue.tokens for pair in pairs]),
        pad([pair.dialogue.speakers for pair in pairs]),
        torch.tensor([pair.emotion for pair in pairs]),
        pad([pair.reply for pair in pairs]),
        torch.tensor([pair.soft_label for pair in pairs]),
    )


def sorted_batches(pairs: Sequence[Pair], size: int) -> list[list[Pair]]:
    """All pairs once, in batches of similar length: for evaluation, where order is free."""
    return slices([pairs[index] for index in length_order(pairs)], size)


def slices(pairs: Sequence[Pair], size: int) -> list[list[Pair]]:
    """Batches of that size in the given order; the last may be smaller."""
    return [list(pairs[first : first + size]) for first in range(0, len(pairs), size)]


def length_order(pairs: Sequence[Pair]) -> list[int]:
    """The indices of the pairs in the order of sorted_batches."""
    return sorted(range(len(pairs)), key=lambda index: length(pairs[index]))


def length(pair: Pair) -> tuple[int, int]:
    """The key that batches are sorted by: tokens of the context, then those of the reply."""
    return len(pair.dialogue.tokens), len(pair.reply)
