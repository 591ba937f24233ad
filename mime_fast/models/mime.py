"""MIME (arXiv 2010.01454): the model as its paper explains it, in the paper's order.

Context encoder -> emotion classifier -> response-emotion sampling -> mimicry -> fusion -> decoder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS, NEGATIVE, POSITIVE
from mime_fast.models.layers import Decoder, Encoder
from mime_fast.text.tokenizer import PAD, SOS


class Gaussian(NamedTuple):
    """A diagonal normal distribution: mean and log_variance, each (batch, latent)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Reparametrised draw; noise (batch, latent) ~ N(0, 1), zeros give the mean."""
        return self.mean + noise * (self.log_variance / 2).exp()

    def divergence(self, other: Gaussian) -> Tensor:
        """KL(self || other) per latent dimension, (batch, latent)."""
        ratio = (self.log_variance.exp() + (self.mean - other.mean).square()) * (
            -other.log_variance
        ).exp()
        return (other.log_variance - self.log_variance + ratio - 1) / 2


class Groups(NamedTuple):
    """One tensor or distribution for each response-emotion group."""

    positive: Tensor
    negative: Tensor


class GaussianGroups(NamedTuple):
    """The latent distributions of the two groups."""

    positive: Gaussian
    negative: Gaussian


class Memory(NamedTuple):
    """What the encoder side hands to the decoder, and what a reader wants to know of it."""

    fused: Tensor  # (batch, length, dim): keys and values of the decoder
    real: Tensor  # (batch, length) bool: not padding
    emotion_logits: Tensor  # (batch, 32)
    mixture: Groups  # probabilities (batch, 13) and (batch, 19)
    prior: GaussianGroups
    posterior: GaussianGroups | None  # training only
    positive: Tensor  # (batch,) bool: which group is mimicked


class GaussianHead(nn.Module):
    """A hidden state to the distributions of the two groups (Eq. 11-15)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, latent = config.hidden_dim, config.latent_dim
        self.positive_mean = nn.Linear(dim, latent)
        self.positive_log_variance = nn.Linear(dim, latent)
        self.negative_mean = nn.Linear(dim, latent)
        # The released code computes the positive group's log-variance for both (spec, section 3).
        self.negative_log_variance = None if config.shared_log_variance else nn.Linear(dim, latent)

    def forward(self, positive: Tensor, negative: Tensor) -> GaussianGroups:
        """Hidden states (batch, dim) of either group -> distributions over (batch, latent)."""
        log_variance = self.positive_log_variance(positive).float()
        other = log_variance
        if self.negative_log_variance is not None:
            other = self.negative_log_variance(negative).float()
        return GaussianGroups(
            Gaussian(self.positive_mean(positive).float(), log_variance),
            Gaussian(self.negative_mean(negative).float(), other),
        )


class ResponseEmotions(nn.Module):
    """Response-emotion sampling: prior, posterior, and mixtures over the two groups (Eq. 7-17)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, latent = config.hidden_dim, config.latent_dim
        self.prior_hidden = nn.Linear(dim, dim)
        self.prior = GaussianHead(config)
        self.posterior_positive_hidden = nn.Linear(2 * dim, dim)
        self.posterior_negative_hidden = nn.Linear(2 * dim, dim)
        self.posterior = GaussianHead(config)
        self.positive_mixture = nn.Linear(latent, len(POSITIVE))
        self.negative_mixture = nn.Linear(latent, len(NEGATIVE))

    def infer_prior(self, query: Tensor) -> tuple[Tensor, GaussianGroups]:
        """The prior from the emotion query (batch, dim), and its hidden state."""
        hidden = self.prior_hidden(query).relu()
        return hidden, self.prior(hidden, hidden)

    def infer_posterior(self, context: Tensor, evidence: Groups) -> GaussianGroups:
        """The posterior from a context state and each group's evidence, all (batch, dim)."""
        positive = torch.cat([context, evidence.positive], -1)
        negative = torch.cat([context, evidence.negative], -1)
        return self.posterior(
            self.posterior_positive_hidden(positive).relu(),
            self.posterior_negative_hidden(negative).relu(),
        )

    def mix(self, latent: GaussianGroups, noise: Groups) -> Groups:
        """Draw z of each group and return its distributions over the group's emotions."""
        positive = self.positive_mixture(latent.positive.sample(noise.positive))
        negative = self.negative_mixture(latent.negative.sample(noise.negative))
        return Groups(positive.float().softmax(-1), negative.float().softmax(-1))


class Fusion(nn.Module):
    """The gate that fuses the mimicking and the non-mimicking context (Eq. 24-27)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * dim, 2 * dim)
        self.output = nn.Linear(2 * dim, dim)

    def forward(self, mimicking: Tensor, non_mimicking: Tensor) -> Tensor:
        """Two (batch, length, dim) -> (batch, length, dim)."""
        both = torch.cat([mimicking, non_mimicking], -1)
        return self.output(self.gate(both).sigmoid() * both)


class Mime(nn.Module):
    """The whole model. Token ids in, log-probabilities of the reply's words out."""

    positive_ids: Tensor
    negative_ids: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.hidden_dim
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, dim, padding_idx=PAD)
        self.emotion_embedding = nn.Embedding(len(EMOTIONS), dim)
        self.context_encoder = Encoder(config, dim)
        self.emotion_classifier = nn.Linear(dim, dim, bias=False)
        self.response_emotions = ResponseEmotions(config)
        self.response_encoder = Encoder(config, 2 * dim)
        self.non_mimicking_response_encoder = (
            None if config.shared_response_encoder else Encoder(config, 2 * dim)
        )
        self.fusion = Fusion(dim)
        self.decoder = Decoder(config)
        self.output = nn.Linear(dim, config.vocab_size)
        if config.tie_embeddings:
            self.output.weight = self.embedding.weight
        self.dropout = nn.Dropout(config.dropout)
        self.register_buffer("positive_ids", torch.tensor(POSITIVE), persistent=False)
        self.register_buffer("negative_ids", torch.tensor(NEGATIVE), persistent=False)

    def embed(self, tokens: Tensor) -> Tensor:
        """Ids (batch, length) -> (batch, length, dim), scaled by the root of the width."""
        return self.embedding(tokens) * math.sqrt(self.config.hidden_dim)

    def encode(
        self,
        tokens: Tensor,
        speakers: Tensor,
        noise: Groups,
        *,
        emotion: Tensor | None = None,
        reply: Tensor | None = None,
    ) -> Memory:
        """Everything before the decoder, once a request.

        tokens, speakers: ids (batch, length), PAD behind the end. noise: (batch, latent) each.
        emotion: ids (batch,) whose polarity is mimicked; None: the classifier's.
        reply: ids (batch, reply length): training, the posterior is inferred as well.
        """
        real = tokens != PAD
        context = self.dropout(self.embed(tokens) + self.embed(speakers))
        context = self.context_encoder(context, real)
        query = self._average(context, real) if self.config.mean_query else context[:, 0]

        emotion_logits = self.classify(query)
        positive = self._is_positive(emotion_logits.argmax(-1) if emotion is None else emotion)

        hidden, prior = self.response_emotions.infer_prior(query)
        latent, posterior = prior, None
        if reply is not None and self.config.objective == "cvae":
            evidence = self._average(self.embed(reply), reply != PAD)
            posterior = self.response_emotions.infer_posterior(hidden, Groups(evidence, evidence))
            latent = posterior
        mixture = self.response_emotions.mix(latent, noise)

        mimicking, non_mimicking = self.mimic(context, real, mixture, positive)
        if reply is not None and self.config.objective == "released":
            evidence_groups = _by_polarity(
                positive, self._average(mimicking, real), self._average(non_mimicking, real)
            )
            posterior = self.response_emotions.infer_posterior(query, evidence_groups)
        fused = self.fusion(mimicking, non_mimicking)
        return Memory(fused, real, emotion_logits, mixture, prior, posterior, positive)

    def classify(self, query: Tensor) -> Tensor:
        """Logits of the 32 emotions: the query against the emotion embedding (Eq. 4-6)."""
        return (self.emotion_classifier(query) @ self.emotion_embedding.weight.T).float()

    def mimic(
        self, context: Tensor, real: Tensor, mixture: Groups, positive: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The mimicking and the non-mimicking refinement of the context (Eq. 18-23).

        context (batch, length, dim); positive (batch,) says which group of the mixture is mimicked.
        """
        table = self.emotion_embedding.weight
        groups = Groups(
            mixture.positive.to(table.dtype) @ table[self.positive_ids],
            mixture.negative.to(table.dtype) @ table[self.negative_ids],
        )
        mimicked, opposed = _by_polarity(positive, *groups)
        other = self.non_mimicking_response_encoder or self.response_encoder
        return (
            self._refine(self.response_encoder, context, mimicked, real),
            self._refine(other, context, opposed, real),
        )

    def decode(self, tokens: Tensor, memory: Memory) -> Tensor:
        """Decoder input ids (batch, length), SOS first -> states (batch, length, dim)."""
        embedded = self.dropout(self.embed(tokens))
        return self.decoder(embedded, tokens != PAD, memory.fused, memory.real)

    def forward(
        self, tokens: Tensor, speakers: Tensor, emotion: Tensor, reply: Tensor, noise: Groups
    ) -> tuple[Memory, Tensor]:
        """Teacher forcing: the memory, and logits (reply tokens of the batch, vocabulary).

        reply: ids (batch, length), EOS last, then PAD. The logits' rows are the reply's real tokens
        in row-major order: the projection, most of the work, is never done for padding.
        """
        memory = self.encode(tokens, speakers, noise, emotion=emotion, reply=reply)
        states = self.decode(shift_right(reply), memory)
        return memory, self.output(self.dropout(states[reply != PAD]))

    def _average(self, x: Tensor, real: Tensor) -> Tensor:
        if self.config.padding_leak:
            return x.mean(1)
        weight = real[:, :, None].to(x.dtype)
        return (x * weight).sum(1) / weight.sum(1)

    def _is_positive(self, emotion: Tensor) -> Tensor:
        return torch.isin(emotion, self.positive_ids)

    def _refine(self, encoder: nn.Module, context: Tensor, emotion: Tensor, real: Tensor) -> Tensor:
        repeated = emotion[:, None].expand(-1, context.shape[1], -1).to(context.dtype)
        return encoder(torch.cat([context, repeated], -1), real)


def _by_polarity(positive: Tensor, first: Tensor, second: Tensor) -> Groups:
    """(first, second) where the row is positive, (second, first) elsewhere."""
    chosen = positive[:, None]
    return Groups(torch.where(chosen, first, second), torch.where(chosen, second, first))


def pad(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of ids -> (rows, longest) int64, PAD behind the end."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])


def shift_right(reply: Tensor) -> Tensor:
    """The decoder's input for a reply: SOS, then the reply without its last column."""
    start = torch.full_like(reply[:, :1], SOS)
    return torch.cat([start, reply[:, :-1]], 1)


def initialise(model: Mime) -> None:
    """The released initialisation: Xavier for every matrix, N(0, 0.01) for the words."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
    nn.init.normal_(model.embedding.weight, std=0.01)
