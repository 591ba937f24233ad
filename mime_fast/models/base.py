"""What the systems have in common: words, context encoder, decoder, output."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import pad as pad_rows

from mime_fast.config import ModelConfig
from mime_fast.emotions import NEGATIVE, POSITIVE
from mime_fast.models.layers import Decoder, Encoder
from mime_fast.text.tokenizer import PAD, SOS


class Groups(NamedTuple):
    """One tensor for each group of response emotions."""

    positive: Tensor
    negative: Tensor


def by_group(weights: Tensor) -> Groups:
    """Weights of all 32 emotions (batch, 32) -> those of either group, in its order."""
    return Groups(weights[:, list(POSITIVE)], weights[:, list(NEGATIVE)])


@dataclass(frozen=True)
class EncoderMemory:
    """What the encoder side hands to the decoder, and what a reader wants to know of it."""

    context: Tensor  # (batch, length, dim): keys and values of the decoder
    real: Tensor  # (batch, length) bool: not padding
    emotion_logits: Tensor  # (batch, 32)
    # Shares of the response emotions, (batch, 13) and (batch, 19); None: the system has none.
    mixture: Groups | None

    @property
    def mimics_positive(self) -> Tensor:
        """(batch,) bool: the positive group is mimicked; False where the system has no groups."""
        return torch.zeros_like(self.emotion_logits[:, 0], dtype=torch.bool)

    def select(self, rows: Tensor) -> Self:
        """What decoding these rows, in this order, needs."""
        return dataclasses.replace(self, context=self.context[rows], real=self.real[rows])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """What decoding the rows of all parts, in their order, needs."""
        longest = max(part.context.shape[1] for part in parts)
        missing = [longest - part.context.shape[1] for part in parts]
        contexts = [pad_rows(p.context, (0, 0, 0, n)) for p, n in zip(parts, missing, strict=True)]
        real = [pad_rows(p.real, (0, n)) for p, n in zip(parts, missing, strict=True)]
        return dataclasses.replace(parts[0], context=torch.cat(contexts), real=torch.cat(real))


class EncoderDecoder(nn.Module, ABC):
    """A system as the engines see it: token ids in, logits of the reply's tokens out."""

    config: ModelConfig
    # Whether a batch may leave parameters without a gradient.
    is_sparse: ClassVar[bool] = False

    @abstractmethod
    def encode(
        self,
        tokens: Tensor,
        speakers: Tensor,
        noise: Tensor,
        *,
        emotion: Tensor | None = None,
    ) -> EncoderMemory:
        """Everything before the decoder, once a request.

        tokens, speakers: ids (batch, length), PAD behind the end.
        noise: (batch, latents, noise_dim) ~ N(0, 1), zeros take the likeliest.
        emotion: ids (batch,) of the speakers' emotions; None: those that are recognised.
        """

    @abstractmethod
    def decode(self, tokens: Tensor, memory: Any) -> Tensor:
        """Decoder input ids (batch, length), SOS first -> states (batch, length, dim)."""

    def emotion_table(self) -> Tensor | None:
        """The embedding of the emotions (32, dim); None: the system has none."""
        return None

    @abstractmethod
    def project(self, states: Tensor) -> Tensor:
        """States (..., dim) -> logits (..., vocabulary)."""


class ReplyModel(EncoderDecoder):
    """A system over words. Subclasses say how they encode."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.hidden_dim
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, dim, padding_idx=PAD)
        self.context_encoder = Encoder(config, dim)
        self.decoder = Decoder(config)
        self.output = nn.Linear(dim, config.vocab_size)
        if config.tie_embeddings:
            self.output.weight = self.embedding.weight
        self.dropout = nn.Dropout(config.dropout)

    @abstractmethod
    def encode(
        self,
        tokens: Tensor,
        speakers: Tensor,
        noise: Tensor,
        *,
        emotion: Tensor | None = None,
        reply: Tensor | None = None,
    ) -> EncoderMemory:
        """What EncoderDecoder.encode does; reply: ids (batch, reply length), in training only."""

    @abstractmethod
    def show_emotion(self, emotion: Tensor, progress: float) -> Tensor | None:
        """What training shows encode() of the gold emotion (batch,); progress: share done."""

    def embed(self, tokens: Tensor) -> Tensor:
        """Ids (batch, length) -> (batch, length, dim), scaled by the root of the width."""
        return self.embedding(tokens) * math.sqrt(self.config.hidden_dim)

    def encode_context(self, tokens: Tensor, speakers: Tensor, real: Tensor) -> Tensor:
        """Ids (batch, length) -> context states (batch, length, dim)."""
        return self.context_encoder(self.dropout(self.embed(tokens) + self.embed(speakers)), real)

    def query(self, context: Tensor, real: Tensor) -> Tensor:
        """The state that the emotion is read from (batch, dim): the CLS position's, or the mean."""
        return self.average(context, real) if self.config.mean_query else context[:, 0]

    def average(self, x: Tensor, real: Tensor) -> Tensor:
        """(batch, length, dim) -> (batch, dim), the mean over real positions."""
        if self.config.padding_leak:
            return x.mean(1)
        weight = real[:, :, None].to(x.dtype)
        return (x * weight).sum(1) / weight.sum(1)

    def project(self, states: Tensor) -> Tensor:
        """States (..., dim) -> logits (..., vocabulary)."""
        return self.output(states)

    def decode(self, tokens: Tensor, memory: EncoderMemory) -> Tensor:
        """Decoder input ids (batch, length), SOS first -> states (batch, length, dim)."""
        embedded = self.dropout(self.embed(tokens))
        return self.decoder(embedded, tokens != PAD, memory.context, memory.real)

    def forward(
        self,
        tokens: Tensor,
        speakers: Tensor,
        emotion: Tensor | None,
        reply: Tensor,
        noise: Tensor,
    ) -> tuple[EncoderMemory, Tensor]:
        """Teacher forcing: the memory, and logits (reply tokens of the batch, vocabulary).

        reply: ids (batch, length), EOS last, then PAD. The logits' rows are the reply's real tokens
        in row-major order: the projection, most of the work, is never done for padding.
        """
        memory = self.encode(tokens, speakers, noise, emotion=emotion, reply=reply)
        states = self.decode(shift_right(reply), memory)
        return memory, self.output(self.dropout(states[reply != PAD]))


def as_word_model(model: EncoderDecoder) -> ReplyModel:
    """The model, if it is over words; else ValueError."""
    if not isinstance(model, ReplyModel):
        raise ValueError(  # noqa: TRY004 - of an option or a checkpoint
            f"{model.config.architecture} is not over words; use mime, moel or multi_tr here, "
            "and `mime-fast learn` to train it"
        )
    return model


def pad(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of ids -> (rows, longest) int64, PAD behind the end."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])


def shift_right(reply: Tensor) -> Tensor:
    """The decoder's input for a reply: SOS, then the reply without its last column."""
    start = torch.full_like(reply[:, :1], SOS)
    return torch.cat([start, reply[:, :-1]], 1)


def initialise(model: ReplyModel) -> None:
    """The released initialisation: Xavier for every matrix, N(0, 0.01) for the words."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
    nn.init.normal_(model.embedding.weight, std=0.01)
