"""MoEL (arXiv 1908.07687): a listener for each emotion, softly combined.

Context encoder -> emotion -> weights of 32 listeners -> their mixture -> meta listener.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS
from mime_fast.models.base import EncoderMemory, ReplyModel, by_group
from mime_fast.models.layers import Decoder, DecoderLayer
from mime_fast.text.tokenizer import PAD

# The chance of gold weights falls by e over 10,000 of the about 26,000 steps of the released runs.
GOLD_DECAY = 0.4
LEAST_GOLD = 1e-4


@dataclass(frozen=True)
class MoelMemory(EncoderMemory):
    """The context, and the weights of the listeners."""

    listeners: Tensor  # (batch, 32) their weights

    def select(self, rows: Tensor) -> Self:
        """What decoding these rows, in this order, needs."""
        return dataclasses.replace(super().select(rows), listeners=self.listeners[rows])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """What decoding the rows of all parts, in their order, needs."""
        listeners = torch.cat([part.listeners for part in parts])
        return dataclasses.replace(super().join(parts), listeners=listeners)


class MixtureDecoder(Decoder):
    """The shared listener and the weighted emotional listeners, then the meta listener's layers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.shared_listener = DecoderLayer(config)
        self.listeners = nn.ModuleList(DecoderLayer(config) for _ in EMOTIONS)

    def mix(
        self, x: Tensor, weights: Tensor, blocked: Tensor, memory: Tensor, memory_blocked: Tensor
    ) -> Tensor:
        """The input of the meta listener, (batch, length, dim). A listener skips rows of weight 0.

        x (batch, length, dim), weights (batch, 32); see DecoderLayer for the others.
        """
        mixed = self.shared_listener(x, blocked, memory, memory_blocked)
        for listener, weight in zip(self.listeners, weights.unbind(1), strict=True):
            rows = weight.nonzero().squeeze(1)
            if len(rows):
                output = listener(x[rows], blocked[rows], memory[rows], memory_blocked[rows])
                share = weight[rows, None, None].to(output.dtype)
                mixed = mixed.index_add(0, rows, (share * output).to(mixed.dtype))
        return mixed

    def forward(  # type: ignore[override] # the weights are one more argument
        self, x: Tensor, real: Tensor, memory: Tensor, memory_real: Tensor, weights: Tensor
    ) -> Tensor:
        """X (batch, length, dim), weights (batch, 32) -> (batch, length, dim); see Decoder."""
        x, blocked = self.place(x, real)
        x = self.mix(x, weights, blocked, memory, ~memory_real[:, None])
        return self.apply_layers(x, blocked, memory, ~memory_real[:, None])


class Moel(ReplyModel):
    """Mixture of empathetic listeners."""

    is_sparse = True  # a listener of weight 0 in a whole batch has no gradient
    decoder: MixtureDecoder

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.decoder = MixtureDecoder(config)
        self.emotion_classifier = nn.Linear(config.hidden_dim, len(EMOTIONS), bias=False)

    def encode(
        self,
        tokens: Tensor,
        speakers: Tensor,
        noise: Tensor,  # noqa: ARG002 - it has no latents
        *,
        emotion: Tensor | None = None,
        reply: Tensor | None = None,  # noqa: ARG002 - nor a posterior
    ) -> MoelMemory:
        """The context; a given emotion's listener has all the weight: the authors' oracle."""
        real = tokens != PAD
        context = self.encode_context(tokens, speakers, real)
        logits = self.emotion_classifier(self.query(context, real)).float()
        weights = self.listener_weights(logits)
        if emotion is not None:
            weights = functional.one_hot(emotion, len(EMOTIONS)).to(weights.dtype)
        return MoelMemory(context, real, logits, by_group(weights), weights)

    def listener_weights(self, logits: Tensor) -> Tensor:
        """Weights of the listeners (batch, 32); beyond the top_listeners likeliest exactly 0."""
        count = self.config.top_listeners or len(EMOTIONS)
        best, places = logits.sort(descending=True, stable=True)  # of equal ones the first
        best, places = best[:, :count], places[:, :count]
        return torch.zeros_like(logits).scatter(1, places, best.softmax(-1))

    def show_emotion(self, emotion: Tensor, progress: float) -> Tensor | None:
        """The gold emotion with a chance that falls as in the released runs; draws from torch."""
        chance = LEAST_GOLD + (1 - LEAST_GOLD) * math.exp(-progress / GOLD_DECAY)
        return emotion if torch.rand(()).item() < chance else None

    def decode(self, tokens: Tensor, memory: EncoderMemory) -> Tensor:
        """Decoder input ids (batch, length), SOS first -> states (batch, length, dim)."""
        assert isinstance(memory, MoelMemory)  # noqa: S101 - what encode() returned
        embedded = self.dropout(self.embed(tokens))
        real = memory.real
        return self.decoder(embedded, tokens != PAD, memory.context, real, memory.listeners)
