"""(context, reply) pairs as the model reads them, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.special import EOS, PAD, SOS
from mime_fast.text.subword_tokenizer import SubwordTokenizer
from mime_fast.training.batches import bucketed, filled

UNKNOWN = -1  # no label of the emotion or the intent
LONGEST_CONTEXT, LONGEST_REPLY = 128, 64  # in training; 1 of 200 contexts is longer
# Both parts of a pair are padded. Sorted so, a step is 1.08 times the work of no padding at all;
# sorted by the size of the whole, it is 1.48 times.
BAND, SORTED_TOGETHER = 4, 200  # pieces of a reply; batches


@dataclass(frozen=True)
class Pair:
    """An encoded example."""

    tokens: list[int]  # (length,) word pieces of the context
    speakers: list[int]  # (length,) who says each, as in types.Dialogue
    reply: list[int]  # pieces, then EOS
    emotion: int = UNKNOWN  # the speaker's
    intent: int = UNKNOWN  # the reply's
    taught: int = UNKNOWN  # where the teacher's distributions of the reply begin
    frozen: int = UNKNOWN  # where the frozen encoder's states of the context begin
    turn: int = UNKNOWN  # which turn of its conversation the reply is
    words: int = 0  # of the reply, as our tokeniser counts them, and the end

    @property
    def size(self) -> int:
        """What a step of this pair costs, in positions."""
        return len(self.tokens) + len(self.reply)


class ReplyBatch(NamedTuple):
    """Padded tensors of several pairs."""

    tokens: Tensor  # (batch, length)
    speakers: Tensor  # (batch, length)
    real: Tensor  # (batch, length) bool
    reply: Tensor  # (batch, reply length)
    reply_real: Tensor  # (batch, reply length) bool
    emotion: Tensor  # (batch,)
    intent: Tensor  # (batch,)
    taught: Tensor  # (batch,)
    frozen: Tensor  # (batch,)

    def to(self, device: torch.device) -> ReplyBatch:
        """The same batch on a device."""
        return ReplyBatch(*(tensor.to(device, non_blocking=True) for tensor in self))

    @property
    def decoder_input(self) -> Tensor:
        """SOS, then the reply without its last column."""
        start = torch.full_like(self.reply[:, :1], SOS)
        return torch.cat([start, self.reply[:, :-1]], 1)


class PairEncoder:
    """Encodes conversations."""

    def __init__(self, tokenizer: SubwordTokenizer) -> None:
        self.tokenizer = tokenizer

    def pairs(
        self, utterances: Sequence[str], emotion: int = UNKNOWN, *, turns: slice = slice(1, None, 2)
    ) -> list[Pair]:
        """The pairs of a conversation; `turns`: which ones are learned as replies."""
        found = (
            self._pair(utterances, number, emotion)
            for number in range(len(utterances))[turns]
            if number > 0
        )
        return [pair for pair in found if 1 < len(pair.reply) <= LONGEST_REPLY]

    def _pair(self, utterances: Sequence[str], number: int, emotion: int) -> Pair:
        context = encode_dialogue(self.tokenizer, utterances[:number], LONGEST_CONTEXT)
        ids = self.tokenizer.encode_reply(utterances[number])
        return Pair(
            context.tokens,
            context.speakers,
            [*ids, EOS],
            emotion,
            turn=number,
            words=self.tokenizer.count_words(ids, utterances[number]) + 1,
        )


def collate(pairs: Sequence[Pair]) -> ReplyBatch:
    """Pairs -> one padded batch."""
    tokens = pad_with(PAD, [pair.tokens for pair in pairs])
    reply = pad_with(PAD, [pair.reply for pair in pairs])
    return ReplyBatch(
        tokens=tokens,
        speakers=pad_with(PAD, [pair.speakers for pair in pairs]),
        real=tokens != PAD,
        reply=reply,
        reply_real=reply != PAD,
        emotion=torch.tensor([pair.emotion for pair in pairs]),
        intent=torch.tensor([pair.intent for pair in pairs]),
        taught=torch.tensor([pair.taught for pair in pairs]),
        frozen=torch.tensor([pair.frozen for pair in pairs]),
    )


def pad_with(value: int, rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of ids -> (rows, longest) int64."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows])


def shuffled_batches(pairs: Sequence[Pair], positions: int, seed: int) -> list[list[Pair]]:
    """One epoch in an order given by the seed: batches of similar length."""
    rows = max(1, positions * len(pairs) // sum(pair.size for pair in pairs))
    return bucketed(
        pairs, rows, _sort_key, lambda few: fill(few, positions), seed, bucket=SORTED_TOGETHER
    )


def _sort_key(pair: Pair) -> tuple[int, int]:
    """The sort key of a pair in a bucket: replies of like length, then contexts up and down."""
    band = len(pair.reply) // BAND
    return band, len(pair.tokens) if band % 2 else -len(pair.tokens)


def fill(pairs: Sequence[Pair], positions: int) -> list[list[Pair]]:
    """Batches in the given order of at most so many positions, contexts and replies padded."""
    return filled(pairs, lambda pair: (len(pair.tokens), len(pair.reply)), positions)
