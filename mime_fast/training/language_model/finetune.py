"""Fine-tune the language model on conversations; it learns to reply and to recognise emotions.

It is the teacher of our own models: its distribution of each next piece, and of the 32 emotions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from mime_fast.text.examples import Example, conversations
from mime_fast.text.pieces import LISTENER, PieceTokenizer
from mime_fast.text.tidy import tidy
from mime_fast.text.tokenizer import Tokenizer
from mime_fast.text.word_pieces import WordPieceTokenizer
from mime_fast.training.config import FinetuneConfig
from mime_fast.training.language_model.conversations import (
    LONGEST,
    Conversation,
    ConversationBatch,
    LabelledConversation,
    collate,
    encode_conversation,
    fill,
    shuffled_batches,
    turn_numbers,
)
from mime_fast.training.language_model.dialogue_model import DialogueModel
from mime_fast.training.language_model.smollm2 import create_llama, load_smollm2
from mime_fast.training.state import digest

VALIDATION_TOKENS = 6000  # of a batch
CHUNK = 1024  # positions whose logits are held at a time

AnyTokenizer = TypeVar("AnyTokenizer", PieceTokenizer, WordPieceTokenizer)


def whole_conversations(examples: Sequence[Example]) -> list[LabelledConversation]:
    """The conversations that examples were made of, each to its last reply."""
    last = dict(zip(conversations(examples), examples, strict=True))
    return [LabelledConversation([*e.context, e.target], e.emotion) for e in last.values()]


def pretrained(
    training: Sequence[LabelledConversation],
    config: FinetuneConfig,
    tokenizer: PieceTokenizer | None = None,
) -> tuple[DialogueModel, PieceTokenizer]:
    """SmolLM2 over the pieces of a tokeniser; None: over those that the training turns use."""
    whole, weights = load_smollm2()
    if tokenizer is None:
        tokenizer = cut_to_turns(whole, training, config.min_count)
    torch.manual_seed(config.seed)
    return DialogueModel(create_llama(tokenizer, whole, weights)), tokenizer


def cut_to_turns(
    whole: AnyTokenizer, training: Sequence[LabelledConversation], min_count: int
) -> AnyTokenizer:
    """The tokeniser of the pieces that the tidied training turns hold so often."""
    texts = [tidy(turn) for conversation in training for turn in conversation.utterances]
    counts = Counter(piece for ids in whole.encode(texts) for piece in ids)
    return whole.cut(piece for piece, count in counts.items() if count >= min_count)


class Finetune:
    """The stage: whole conversations, listener turns in full, speaker turns at a quarter."""

    def __init__(
        self,
        model: DialogueModel,
        tokenizer: PieceTokenizer,
        training: Sequence[LabelledConversation],
        validation: Sequence[LabelledConversation],
        config: FinetuneConfig,
        words: Tokenizer,
    ) -> None:
        """words: counts the words of the validation turns."""
        self.model, self.tokenizer, self.config = model, tokenizer, config
        self.training = [self._encode(conversation, None) for conversation in training]
        encoded = [self._encode(conversation, words) for conversation in validation]
        self.validation = sorted(encoded, key=lambda conversation: len(conversation.ids))
        self.steps = len(shuffled_batches(self.training, config.tokens, config.seed))

    def _encode(self, conversation: LabelledConversation, words: Tokenizer | None) -> Conversation:
        turns = conversation.utterances
        counts = [len(words.encode(turn)) + 1 for turn in turns] if words else []
        return encode_conversation(self.tokenizer, turns, conversation.emotion, counts)

    def rate(self, name: str) -> float:  # noqa: ARG002
        """Return the same share of the learning rate for all parameters."""
        return 1.0

    def digest(self) -> str:
        """The digest of all conversations."""
        return digest(self.training, self.validation)

    def batches(self, epoch: int) -> list[list[Conversation]]:
        """The batches of an epoch; some are left out or repeated, to make all epochs as long."""
        batches = shuffled_batches(self.training, self.config.tokens, self.config.seed + epoch)
        return [batches[index % len(batches)] for index in range(self.steps)]

    def losses(self, batch: list[Conversation], progress: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Nats a weighted piece, and of the emotion."""
        rows = self._to_device(batch)
        states = self.model.llama(rows.tokens)
        pieces = (self._costs(states, rows) * rows.weights).sum() / rows.weights.sum()
        logits, emotions = self._recognise(states, rows)
        emotion = functional.cross_entropy(logits, emotions)
        return {"nats": pieces, "emotion": self.config.emotion_weight * emotion}

    def validate(self) -> dict[str, float]:
        """Perplexity a word, mean of the replies, and emotion accuracy."""
        nats: list[float] = []
        right: list[bool] = []
        for batch in fill(self.validation, VALIDATION_TOKENS):
            rows = self._to_device(batch)
            states = self.model.llama(rows.tokens)
            turns = sum_turns(self._costs(states, rows), rows.tokens)
            for conversation, costs in zip(batch, turns.tolist(), strict=True):
                counts = conversation.words[1::2]
                if len(conversation.ids) <= LONGEST:  # else the last turn is not whole
                    nats += [costs[2 * i + 1] / count for i, count in enumerate(counts)]
            logits, emotions = self._recognise(states, rows)
            right += (logits.argmax(-1) == emotions).tolist()
        mean = sum(nats) / len(nats)
        return {"perplexity": math.exp(mean), "emotion_accuracy": sum(right) / len(right)}

    def _to_device(self, batch: list[Conversation]) -> ConversationBatch:
        device = self.model.emotion.weight.device
        return ConversationBatch(*(tensor.to(device) for tensor in collate(batch)))

    def _recognise(self, states: Tensor, rows: ConversationBatch) -> tuple[Tensor, Tensor]:
        """Logits (replies, 32) of the emotions where a reply begins, and the labels (replies,)."""
        starts = rows.tokens == LISTENER
        emotions = rows.emotion[:, None].expand_as(rows.tokens)[starts]
        return self.model.emotion(states[starts]).float(), emotions

    def _costs(self, states: Tensor, rows: ConversationBatch) -> Tensor:
        """Nats of each target, (batch, length) float32; 0 where there is none."""
        wanted = rows.weights > 0
        pairs = zip(states[wanted].split(CHUNK), rows.targets[wanted].split(CHUNK), strict=True)
        costs = [
            functional.cross_entropy(
                self.model.llama.logits(some).float(), targets, reduction="none"
            )
            for some, targets in pairs
        ]
        return torch.zeros_like(rows.weights).masked_scatter(wanted, torch.cat(costs))


def sum_turns(costs: Tensor, tokens: Tensor) -> Tensor:
    """The costs (batch, length) of each turn, (batch, turns)."""
    turns = turn_numbers(tokens)
    sums = costs.new_zeros(len(costs), int(turns.max()) + 1)
    return sums.scatter_add(1, turns, costs)
