"""MIME (arXiv 2010.01454): the model as its paper explains it, in the paper's order.

Context encoder -> emotion classifier -> response-emotion sampling -> mimicry -> fusion -> decoder.
The ablations are options of ModelConfig: grouping, mimicry, stochastic, share_emotion_embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS, NEGATIVE, POSITIVE
from mime_fast.models.base import EncoderMemory, Groups, ReplyModel, by_group
from mime_fast.models.layers import Encoder
from mime_fast.text.tokenizer import PAD


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


# The latent distribution of each group, positive first; without grouping there is one for all.
Latents = tuple[Gaussian, ...]


@dataclass(frozen=True)
class MimeMemory(EncoderMemory):
    """The fused context, and the distributions and the polarity that it was made with."""

    prior: Latents
    posterior: Latents | None  # in training only
    positive: Tensor  # (batch,) bool: which group is mimicked

    @property
    def mimics_positive(self) -> Tensor:
        """(batch,) bool: whether the positive group is mimicked."""
        return self.positive


class GaussianHead(nn.Module):
    """Hidden states to the distributions of both groups (Eq. 11-15)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, latent = config.hidden_dim, config.latent_dim
        self.positive_mean = nn.Linear(dim, latent)
        self.positive_log_variance = nn.Linear(dim, latent) if config.stochastic else None
        self.negative_mean = nn.Linear(dim, latent) if config.grouping else None
        # The released code computes the positive group's log-variance for both.
        own = config.grouping and config.stochastic and not config.shared_log_variance
        self.negative_log_variance = nn.Linear(dim, latent) if own else None

    def forward(self, positive: Tensor, negative: Tensor) -> Latents:
        """Hidden states (batch, dim) of either group -> distributions over (batch, latent)."""
        mean = self.positive_mean(positive).float()
        log_variance = _apply(self.positive_log_variance, positive, torch.zeros_like(mean))
        first = Gaussian(mean, log_variance)
        if self.negative_mean is None:
            return (first,)
        other = _apply(self.negative_log_variance, negative, log_variance)
        return first, Gaussian(self.negative_mean(negative).float(), other)


def _apply(layer: nn.Module | None, x: Tensor, default: Tensor) -> Tensor:
    return default if layer is None else layer(x).float()


class ResponseEmotions(nn.Module):
    """Response-emotion sampling: prior, posterior, and mixtures over the two groups (Eq. 7-17).

    Without grouping the "positive" parts stand for all 32 emotions, in the order of their ids.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, latent = config.hidden_dim, config.latent_dim
        self.stochastic = config.stochastic
        self.prior_hidden = nn.Linear(dim, dim)
        self.prior = GaussianHead(config)
        emotions = len(POSITIVE) if config.grouping else len(EMOTIONS)
        self.positive_mixture = nn.Linear(latent, emotions)
        self.negative_mixture = nn.Linear(latent, len(NEGATIVE)) if config.grouping else None
        if config.stochastic:
            self.posterior_positive_hidden = nn.Linear(2 * dim, dim)
            if config.grouping:
                self.posterior_negative_hidden = nn.Linear(2 * dim, dim)
            self.posterior = GaussianHead(config)

    def infer_prior(self, query: Tensor) -> tuple[Tensor, Latents]:
        """The prior from the emotion query (batch, dim), and its hidden state."""
        hidden = self.prior_hidden(query).relu()
        return hidden, self.prior(hidden, hidden)

    def infer_posterior(self, context: Tensor, evidence: Groups) -> Latents:
        """The posterior from a context state and each group's evidence, all (batch, dim)."""
        positive = torch.cat([context, evidence.positive], -1)
        positive = negative = self.posterior_positive_hidden(positive).relu()
        if self.negative_mixture is not None:
            negative = torch.cat([context, evidence.negative], -1)
            negative = self.posterior_negative_hidden(negative).relu()
        return self.posterior(positive, negative)

    def mix(self, latents: Latents, noise: Tensor) -> Groups:
        """Draw z of each group, noise (batch, groups, latent), and return its distributions.

        Without grouping it is one distribution, of which either group holds its share.
        """
        drawn = [latent.mean for latent in latents]
        if self.stochastic:
            pairs = zip(latents, noise.unbind(1), strict=True)
            drawn = [latent.sample(group_noise) for latent, group_noise in pairs]
        positive = self.positive_mixture(drawn[0]).float().softmax(-1)
        if self.negative_mixture is None:
            return by_group(positive)
        return Groups(positive, self.negative_mixture(drawn[1]).float().softmax(-1))


class Fusion(nn.Module):
    """The gate that fuses the refinements of the context (Eq. 24-27)."""

    def __init__(self, refinements: int, dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(refinements * dim, refinements * dim)
        self.output = nn.Linear(refinements * dim, dim)

    def forward(self, refined: Sequence[Tensor]) -> Tensor:
        """Each (batch, length, dim), the mimicking one first -> (batch, length, dim)."""
        together = torch.cat(list(refined), -1)
        return self.output(self.gate(together).sigmoid() * together)


class Mime(ReplyModel):
    """The whole model. Token ids in, logits of the reply's words out."""

    positive_ids: Tensor
    negative_ids: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        dim = config.hidden_dim
        self.emotion_embedding = nn.Embedding(len(EMOTIONS), dim)
        self.emotion_classifier = nn.Linear(dim, dim, bias=False)
        self.emotion_classes = (  # what the classifier compares with
            None if config.share_emotion_embedding else nn.Embedding(len(EMOTIONS), dim)
        )
        self.response_emotions = ResponseEmotions(config)
        self.response_encoder = Encoder(config, 2 * dim)
        self.non_mimicking_response_encoder = (
            None if config.shared_response_encoder else Encoder(config, 2 * dim)
        )
        self.fusion = Fusion(2 if config.grouping else 1, dim)
        self.register_buffer("positive_ids", torch.tensor(POSITIVE), persistent=False)
        self.register_buffer("negative_ids", torch.tensor(NEGATIVE), persistent=False)

    def encode(
        self,
        tokens: Tensor,
        speakers: Tensor,
        noise: Tensor,
        *,
        emotion: Tensor | None = None,
        reply: Tensor | None = None,
    ) -> MimeMemory:
        """The fused context. Only the polarity of the emotion is used: it is mimicked."""
        real = tokens != PAD
        context = self.encode_context(tokens, speakers, real)
        query = self.query(context, real)

        emotion_logits = self.classify(query)
        positive = self._mimicked(emotion_logits.argmax(-1) if emotion is None else emotion)

        hidden, prior = self.response_emotions.infer_prior(query)
        latents, posterior = prior, None
        if reply is not None and not self.config.stochastic:
            posterior = prior  # nothing is drawn, and nothing diverges
        elif reply is not None and self.config.objective == "cvae":
            evidence = self.average(self.embed(reply), reply != PAD)
            posterior = self.response_emotions.infer_posterior(hidden, Groups(evidence, evidence))
            latents = posterior
        mixture = self.response_emotions.mix(latents, noise)

        refined = self.refine(context, real, mixture, positive)
        if reply is not None and posterior is None:  # the released objective
            averages = [self.average(refinement, real) for refinement in refined]
            # Without grouping there is one refinement, and one group.
            evidence_groups = _by_polarity(positive, averages[0], averages[-1])
            posterior = self.response_emotions.infer_posterior(query, evidence_groups)
        fused = self.fusion(refined)
        return MimeMemory(
            context=fused,
            real=real,
            emotion_logits=emotion_logits,
            mixture=mixture,
            prior=prior,
            posterior=posterior,
            positive=positive,
        )

    def show_emotion(self, emotion: Tensor, progress: float) -> Tensor:  # noqa: ARG002
        """The gold emotion at every step: its polarity is mimicked."""
        return emotion

    def emotion_table(self) -> Tensor:
        """The embedding of the emotions (32, dim), which the mixtures are of."""
        return self.emotion_embedding.weight

    def classify(self, query: Tensor) -> Tensor:
        """Logits of the 32 emotions: the query against the emotion embedding (Eq. 4-6)."""
        classes = self.emotion_classes or self.emotion_embedding
        return (self.emotion_classifier(query) @ classes.weight.T).float()

    def refine(
        self, context: Tensor, real: Tensor, mixture: Groups, positive: Tensor
    ) -> list[Tensor]:
        """The mimicking and the non-mimicking refinement of the context (Eq. 18-23).

        context (batch, length, dim); positive (batch,) says which group of the mixture is mimicked.
        Without grouping there is one refinement, by all emotions.
        """
        table = self.emotion_embedding.weight
        groups = Groups(
            mixture.positive.to(table.dtype) @ table[self.positive_ids],
            mixture.negative.to(table.dtype) @ table[self.negative_ids],
        )
        if not self.config.grouping:
            emotion = groups.positive + groups.negative
            return [self._refine(self.response_encoder, context, emotion, real)]
        mimicked, opposed = _by_polarity(positive, *groups)
        other = self.non_mimicking_response_encoder or self.response_encoder
        return [
            self._refine(self.response_encoder, context, mimicked, real),
            self._refine(other, context, opposed, real),
        ]

    def _mimicked(self, emotion: Tensor) -> Tensor:
        if not self.config.mimicry:  # the positive group always comes first
            return torch.ones_like(emotion, dtype=torch.bool)
        return torch.isin(emotion, self.positive_ids)

    def _refine(self, encoder: nn.Module, context: Tensor, emotion: Tensor, real: Tensor) -> Tensor:
        repeated = emotion[:, None].expand(-1, context.shape[1], -1).to(context.dtype)
        return encoder(torch.cat([context, repeated], -1), real)


def _by_polarity(positive: Tensor, first: Tensor, second: Tensor) -> Groups:
    """(first, second) where the row is positive, (second, first) elsewhere."""
    chosen = positive[:, None]
    return Groups(torch.where(chosen, first, second), torch.where(chosen, second, first))
