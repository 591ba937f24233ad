"""Whole conversations as rows of piece ids: what the language model is fine-tuned on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mime_fast.text.pieces import LISTENER, SPEAKER, PieceTokenizer
from mime_fast.text.special import PAD
from mime_fast.text.tidy import tidy
from mime_fast.training.batches import bucketed, filled

LONGEST = 256  # pieces of a conversation that are read; 1 in 2,000 has more
SPEAKER_WEIGHT = 0.25  # of the loss; a listener's piece counts 1


class LabelledConversation(NamedTuple):
    """A conversation as text, the speaker's turn first."""

    utterances: list[str]
    emotion: int


@dataclass(frozen=True)
class Conversation:
    """Turns (speaker first) as one row of ids. Each turn begins with its marker."""

    ids: list[int]  # (length + 1,) the last is the marker that ends the last turn
    emotion: int  # -1: not known
    words: list[int]  # of each turn, as our tokeniser counts them, and the end


class ConversationBatch(NamedTuple):
    """Padded rows. Position t predicts target t."""

    tokens: Tensor  # (batch, length) int64
    targets: Tensor  # (batch, length) int64, PAD behind the end
    weights: Tensor  # (batch, length) float32 of the loss; 0: not predicted
    emotion: Tensor  # (batch,) int64


def encode_conversation(
    tokenizer: PieceTokenizer, utterances: Sequence[str], emotion: int, words: Sequence[int] = ()
) -> Conversation:
    """Tidied turns as ids; what is longer than LONGEST is cut at its end."""
    ids: list[int] = []
    turns = tokenizer.encode([tidy(utterance) for utterance in utterances])
    for number, turn in enumerate(turns):
        ids += [marker(number), *turn]
    ids.append(marker(len(turns)))
    return Conversation(ids[: LONGEST + 1], emotion, list(words))


def marker(turn: int) -> int:
    """The id that begins this turn, counted from 0, and ends the turn before."""
    return LISTENER if turn % 2 else SPEAKER


def collate(conversations: Sequence[Conversation]) -> ConversationBatch:
    """Conversations -> one padded batch."""
    length = max(len(conversation.ids) for conversation in conversations)
    rows = [c.ids + [PAD] * (length - len(c.ids)) for c in conversations]
    ids = torch.tensor(rows)
    tokens, targets = ids[:, :-1], ids[:, 1:]
    share = torch.where(turn_numbers(tokens) % 2 == 1, 1.0, SPEAKER_WEIGHT)
    emotion = torch.tensor([conversation.emotion for conversation in conversations])
    return ConversationBatch(tokens, targets, share * (targets != PAD), emotion)


def turn_numbers(tokens: Tensor) -> Tensor:
    """Ids (batch, length) -> the number of each position's turn, from 0; odd: the listener's.

    A position belongs to the turn whose next piece, or end, it predicts.
    """
    starts = (tokens == SPEAKER) | (tokens == LISTENER)
    return starts.cumsum(-1) - 1


def shuffled_batches(
    conversations: Sequence[Conversation], tokens: int, seed: int
) -> list[list[Conversation]]:
    """One epoch in an order given by the seed: batches of similar length, of about so many ids."""
    rows = max(1, tokens * len(conversations) // sum(len(c.ids) for c in conversations))
    return bucketed(conversations, rows, lambda c: len(c.ids), lambda few: fill(few, tokens), seed)


def fill(conversations: Sequence[Conversation], tokens: int) -> list[list[Conversation]]:
    """Batches in the given order of at most so many padded ids."""
    return filled(conversations, lambda conversation: (len(conversation.ids),), tokens)
