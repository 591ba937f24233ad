"""MIME on a pretrained encoder and decoder: the paper's emotion path between MiniLM and SmolLM2.

Context encoder (MiniLM) -> emotion classifier -> response-emotion sampling -> mimicry -> fusion ->
decoder (layers of SmolLM2 that attend to the fused memory). A sampled intent, what the reply sets
out to do, joins the emotions; both are added to each input of the decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS, NEGATIVE, POSITIVE
from mime_fast.models.base import EncoderDecoder, EncoderMemory, Groups
from mime_fast.models.bert import Bert, BertConfig, BertLayer, mean_over
from mime_fast.models.crossing import SMALL, CrossDecoder, DecoderConfig
from mime_fast.models.mime import Fusion, Gaussian, Latents
from mime_fast.text.special import PAD, SYS


def encoder_config(config: ModelConfig) -> BertConfig:
    """The context encoder's shape."""
    return BertConfig(
        vocab_size=config.context_vocab_size,
        hidden_dim=config.hidden_dim,
        num_layers=config.num_layers,
        num_heads=config.num_heads,
        filter_dim=config.filter_dim,
        max_positions=config.max_positions,
        dropout=config.dropout,
    )


def decoder_config(config: ModelConfig) -> DecoderConfig:
    """The decoder's shape."""
    return DecoderConfig(
        vocab_size=config.vocab_size,
        hidden_dim=config.decoder_dim,
        num_layers=config.decoder_layers,
        num_heads=config.decoder_heads,
        num_kv_heads=config.decoder_kv_heads,
        filter_dim=config.decoder_filter_dim,
        memory_dim=config.hidden_dim,
        dropout=config.dropout,
    )


@dataclass(frozen=True)
class Context:
    """What does not depend on the noise."""

    states: Tensor  # (batch, length, dim)
    real: Tensor  # (batch, length) bool
    query: Tensor  # (batch, dim)
    emotion_logits: Tensor  # (batch, 32)
    intent_logits: Tensor  # (batch, intents)
    prior: Latents


@dataclass(frozen=True)
class MimeBaseMemory(EncoderMemory):
    """What the decoder reads, and which group is mimicked."""

    mixture: Groups
    conditioning: Tensor  # (batch, decoder dim), added to each input of the decoder
    positive: Tensor  # (batch,) bool

    @property
    def mimics_positive(self) -> Tensor:
        """(batch,) bool: whether the positive group is mimicked."""
        return self.positive

    def select(self, rows: Tensor) -> Self:
        """What decoding these rows, in this order, needs."""
        return replace(super().select(rows), conditioning=self.conditioning[rows])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """What decoding the rows of all parts, in their order, needs."""
        return replace(
            super().join(parts),
            conditioning=torch.cat([part.conditioning for part in parts]),
        )


class ResponseEmotions(nn.Module):
    """Two groups of response emotions, drawn through latents of their own (Eq. 7-17)."""

    def __init__(self, dim: int, latent: int, evidence_dim: int) -> None:
        super().__init__()
        self.prior_hidden = nn.Linear(dim, dim)
        self.prior = nn.Linear(dim, 4 * latent)
        self.evidence = nn.Linear(evidence_dim, dim)
        self.posterior_hidden = nn.Linear(2 * dim, dim)
        self.posterior = nn.Linear(dim, 4 * latent)
        self.positive_mixture = nn.Linear(latent, len(POSITIVE))
        self.negative_mixture = nn.Linear(latent, len(NEGATIVE))

    def infer_prior(self, query: Tensor) -> Latents:
        """The emotion query (batch, dim) -> a distribution for each group, positive first."""
        return _gaussians(self.prior(self.prior_hidden(query).relu()))

    def infer_posterior(self, query: Tensor, evidence: Tensor) -> Latents:
        """The posterior, which also reads what is known of the reply (batch, evidence dim)."""
        both = torch.cat([query, self.evidence(evidence).relu()], -1)
        return _gaussians(self.posterior(self.posterior_hidden(both).relu()))

    def mix(self, latents: Latents, noise: Tensor) -> Groups:
        """Draw z of each group, noise (batch, 2, latent), and return its shares of emotions."""
        positive, negative = (
            latent.sample(drawn) for latent, drawn in zip(latents, noise.unbind(1), strict=True)
        )
        return Groups(
            self.positive_mixture(positive).float().softmax(-1),
            self.negative_mixture(negative).float().softmax(-1),
        )


def _gaussians(moments: Tensor) -> Latents:
    """(batch, 4 latent) -> (mean, log-variance) of the positive and of the negative group."""
    parts = moments.float().chunk(4, -1)
    return Gaussian(parts[0], parts[1]), Gaussian(parts[2], parts[3])


class MimeBase(EncoderDecoder):
    """The whole model."""

    positive_ids: Tensor
    negative_ids: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        dim, decoder = config.hidden_dim, decoder_config(config)
        self.context_encoder = Bert(encoder_config(config))
        self.emotion_embedding = nn.Embedding(len(EMOTIONS), dim)
        self.emotion_classifier = nn.Linear(dim, dim, bias=False)
        self.response_emotions = ResponseEmotions(dim, config.latent_dim, decoder.hidden_dim)
        self.refinement_input = nn.Linear(2 * dim, dim)
        self.refinement = BertLayer(
            dim, config.num_heads, config.refinement_filter_dim, config.dropout
        )
        self.fusion = Fusion(2, dim)
        self.memory_norm = nn.LayerNorm(dim)
        self.intent_classifier = nn.Linear(dim, config.intents)
        self.intent_embedding = nn.Embedding(config.intents, decoder.hidden_dim)
        self.conditioning = nn.Linear(3 * dim, decoder.hidden_dim)
        self.decoder = CrossDecoder(decoder)
        self.register_buffer("positive_ids", torch.tensor(POSITIVE), persistent=False)
        self.register_buffer("negative_ids", torch.tensor(NEGATIVE), persistent=False)
        # What joins the pretrained embedding of the inputs starts as small as that is.
        for part in (self.emotion_embedding, self.intent_embedding, self.conditioning):
            nn.init.normal_(part.weight, std=SMALL)

    def read(self, tokens: Tensor, speakers: Tensor, real: Tensor) -> Context:
        """Word-piece ids, and who says them (batch, length) -> the context's states (Eq. 1-6)."""
        return self.recognise(self.encode_context(tokens, speakers, real), real)

    def encode_context(self, tokens: Tensor, speakers: Tensor, real: Tensor) -> Tensor:
        """What the context encoder makes of word pieces, (batch, length, dim)."""
        return self.context_encoder(tokens, (speakers == SYS).long(), real)

    def recognise(self, states: Tensor, real: Tensor) -> Context:
        """What follows from the context encoder's states (batch, length, dim)."""
        query = mean_over(states, real)
        logits = self.emotion_classifier(query) @ self.emotion_embedding.weight.T
        prior = self.response_emotions.infer_prior(query)
        intents = self.intent_classifier(query).float()
        return Context(
            states=states,
            real=real,
            query=query,
            emotion_logits=logits.float(),
            intent_logits=intents,
            prior=prior,
        )

    def compose(
        self, context: Context, latents: Latents, noise: Tensor, positive: Tensor, intent: Tensor
    ) -> MimeBaseMemory:
        """Mixtures, mimicry, refinements and fusion (Eq. 18-27).

        noise (batch, 2, latent); positive (batch,) bool: which group is mimicked; intent: shares
        (batch, intents).
        """
        mixture = self.response_emotions.mix(latents, noise)
        mimicked, opposed = self._mimic(mixture, positive)
        refined = [self._refine(context, emotion) for emotion in (mimicked, opposed)]
        states = self.memory_norm(context.states + self.fusion(refined))
        table = self.intent_embedding.weight
        conditioning = self.conditioning(torch.cat([context.query, mimicked, opposed], -1))
        return MimeBaseMemory(
            context=states,
            real=context.real,
            emotion_logits=context.emotion_logits,
            mixture=mixture,
            conditioning=conditioning + intent.to(table.dtype) @ table,
            positive=positive,
        )

    def _mimic(self, mixture: Groups, positive: Tensor) -> tuple[Tensor, Tensor]:
        """The emotions (batch, dim) of the mimicked and of the other group."""
        table = self.emotion_embedding.weight
        first = mixture.positive.to(table.dtype) @ table[self.positive_ids]
        second = mixture.negative.to(table.dtype) @ table[self.negative_ids]
        chosen = positive[:, None]
        return torch.where(chosen, first, second), torch.where(chosen, second, first)

    def _refine(self, context: Context, emotion: Tensor) -> Tensor:
        repeated = emotion[:, None].expand_as(context.states).to(context.states.dtype)
        together = self.refinement_input(torch.cat([context.states, repeated], -1))
        return self.refinement(context.states + together, context.real)

    def reply_evidence(self, reply: Tensor, real: Tensor) -> Tensor:
        """Reply ids (batch, length) -> what the posterior reads of it, (batch, decoder dim)."""
        return mean_over(self.decoder.embedding(reply), real)

    def encode(
        self,
        tokens: Tensor,
        speakers: Tensor,
        noise: Tensor,
        *,
        emotion: Tensor | None = None,
    ) -> MimeBaseMemory:
        """Everything before the decoder; noise: of the positive, the negative group, the intent."""
        context = self.read(tokens, speakers, tokens != PAD)
        felt = context.emotion_logits.argmax(-1) if emotion is None else emotion
        intent = draw_intent(context.intent_logits, noise[:, 2, : self.config.intents])
        latent = noise[:, :2, : self.config.latent_dim]
        return self.compose(
            context, context.prior, latent, torch.isin(felt, self.positive_ids), intent
        )

    def emotion_table(self) -> Tensor:
        """The embedding of the emotions (32, dim), which the mixtures are of."""
        return self.emotion_embedding.weight

    def decode(self, tokens: Tensor, memory: MimeBaseMemory) -> Tensor:
        """Decoder input ids (batch, length), SOS first -> states (batch, length, decoder dim)."""
        return self.decoder(tokens, memory.conditioning, memory.context, memory.real)

    def project(self, states: Tensor) -> Tensor:
        """States (..., decoder dim) -> logits (..., vocabulary)."""
        return functional.linear(states, self.decoder.embedding.weight)


def draw_intent(logits: Tensor, noise: Tensor) -> Tensor:
    """One intent a row as shares (batch, intents), by the Gumbel trick; zeros: the likeliest.

    noise (batch, intents) ~ N(0, 1): its normal probability is uniform (Gumbel 1954).
    """
    uniform = torch.special.ndtr(noise.double())
    drawn = (logits.double() - (-uniform.log()).log()).argmax(-1)
    return functional.one_hot(drawn, logits.shape[-1]).float()
