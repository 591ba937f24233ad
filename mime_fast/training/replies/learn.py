"""The stages that train mime-base: pretraining on any conversations, then fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mime_fast.models.mime import Latents
from mime_fast.models.mime_base import Context, MimeBase, MimeBaseMemory
from mime_fast.training.config import LearnConfig
from mime_fast.training.replies.distill import Taught
from mime_fast.training.replies.frozen import FrozenStates, placed
from mime_fast.training.replies.objective import (
    distillation_loss,
    divergence,
    labelled_cross_entropy,
    mixture_loss,
)
from mime_fast.training.replies.pairs import (
    UNKNOWN,
    Pair,
    ReplyBatch,
    collate,
    fill,
    shuffled_batches,
)
from mime_fast.training.state import digest

VALIDATION_POSITIONS = 8000  # of a batch
SOFT_INTENTS = 0.3  # share of the replies whose intent is shown as it is predicted


class LearnReplies:
    """A stage; see training.stage.Stage."""

    def __init__(
        self,
        model: MimeBase,
        training: Sequence[Pair],
        validation: Sequence[Pair],
        config: LearnConfig,
        taught: Taught | None = None,
    ) -> None:
        self.model, self.config, self.taught = model, config, taught
        self.frozen: FrozenStates | None = None
        self.is_frozen = config.encoder_rate == 0
        model.context_encoder.requires_grad_(not self.is_frozen)
        for part in model.modules():
            if isinstance(part, nn.Dropout):
                part.p = config.dropout
        self.training = placed(training) if self.is_frozen else list(training)
        self.validation = sorted(validation, key=lambda pair: pair.size)
        self.steps = len(shuffled_batches(self.training, config.tokens, config.seed))
        torch.manual_seed(config.seed)

    def rate(self, name: str) -> float:
        """The share of the learning rate; the pretrained encoder has a smaller one."""
        return self.config.encoder_rate if name.startswith("context_encoder") else 1.0

    def digest(self) -> str:
        """The digest of all pairs."""
        return digest(self.training, self.validation)

    def batches(self, epoch: int) -> list[list[Pair]]:
        """The batches of an epoch, shuffled by its number; all epochs have as many."""
        batches = shuffled_batches(self.training, self.config.tokens, self.config.seed + epoch)
        return [batches[index % len(batches)] for index in range(self.steps)]

    def losses(self, pairs: list[Pair], progress: float) -> dict[str, Tensor]:
        """The parts of the loss, weighted; the posterior of the reply feeds the decoder."""
        batch = collate(pairs).to(self.model.emotion_embedding.weight.device)
        weights = self.config.weights
        context = self._read(batch)
        found = {
            "emotion": weights.emotion
            * labelled_cross_entropy(context.emotion_logits, batch.emotion, weights.smoothing),
            "intent": weights.intent * labelled_cross_entropy(context.intent_logits, batch.intent),
        }
        if weights.reply == 0:
            return found
        evidence = self.model.reply_evidence(batch.reply, batch.reply_real)
        posterior = self.model.response_emotions.infer_posterior(context.query, evidence)
        noise = torch.randn(len(pairs), 2, self.model.config.latent_dim, device=evidence.device)
        memory = self._compose(context, batch, posterior, noise)
        annealed = weights.divergence * min(1.0, progress / max(weights.warmup, 1e-9))
        return {
            "reply": weights.reply * self._reply_loss(batch, memory),
            "divergence": annealed * divergence(posterior, context.prior, weights.free_bits),
            "mixture": weights.mixture * mixture_loss(memory.mixture, batch.emotion),
            **found,
        }

    def _read(self, batch: ReplyBatch) -> Context:
        """The context; a frozen encoder reads all contexts when the first is asked for."""
        if not self.is_frozen:
            return self.model.read(batch.tokens, batch.speakers, batch.real)
        if self.frozen is None:
            self.frozen = FrozenStates(self.model, self.training)
        return self.model.recognise(self.frozen.of(batch), batch.real)

    def _compose(
        self, context: Context, batch: ReplyBatch, latents: Latents, noise: Tensor
    ) -> MimeBaseMemory:
        """The memory with the labelled polarity and intent, where they are known."""
        recognised = context.emotion_logits.argmax(-1)
        emotion = torch.where(batch.emotion == UNKNOWN, recognised, batch.emotion)
        shares = context.intent_logits.softmax(-1)
        soft = torch.rand(len(shares), device=shares.device) < SOFT_INTENTS
        known = (batch.intent != UNKNOWN) & ~soft
        gold = functional.one_hot(batch.intent.clamp(min=0), shares.shape[-1]).to(shares.dtype)
        intent = torch.where(known[:, None], gold, shares)
        positive = torch.isin(emotion, self.model.positive_ids)
        return self.model.compose(context, latents, noise, positive, intent)

    def _reply_loss(self, batch: ReplyBatch, memory: MimeBaseMemory) -> Tensor:
        """Nats a piece: of the reply, and against the teacher's distribution where it is known."""
        states = self.model.decode(batch.decoder_input, memory)[batch.reply_real]
        log_probs = self.model.project(states).float().log_softmax(-1)
        costs = -log_probs.gather(1, batch.reply[batch.reply_real][:, None])[:, 0]
        if self.taught is not None:
            share = self.config.weights.distillation
            ids, shares, known = self.taught.of(batch.taught, batch.reply_real)
            softer = distillation_loss(log_probs, ids, shares)
            costs = torch.where(known, share * softer + (1 - share) * costs, costs)
        return costs.mean()

    def validate(self) -> dict[str, float]:
        """Perplexity a word and emotion accuracy, without noise and with predicted intents."""
        nats: list[float] = []
        right: list[bool] = []
        for pairs in fill(self.validation, VALIDATION_POSITIONS):
            batch = collate(pairs).to(self.model.emotion_embedding.weight.device)
            costs, recognised = reply_costs(self.model, batch)
            nats += [cost / pair.words for cost, pair in zip(costs.tolist(), pairs, strict=True)]
            known = batch.emotion != UNKNOWN
            right += (recognised == batch.emotion)[known].tolist()
        accuracy = sum(right) / max(1, len(right))
        return {"perplexity": math.exp(sum(nats) / len(nats)), "emotion_accuracy": accuracy}


def reply_costs(model: MimeBase, batch: ReplyBatch) -> tuple[Tensor, Tensor]:
    """Nats of each reply (batch,), with gold polarity where it is known; recognised emotions."""
    context = model.read(batch.tokens, batch.speakers, batch.real)
    recognised = context.emotion_logits.argmax(-1)
    emotion = torch.where(batch.emotion == UNKNOWN, recognised, batch.emotion)
    positive = torch.isin(emotion, model.positive_ids)
    noise = torch.zeros(len(emotion), 2, model.config.latent_dim, device=emotion.device)
    intent = context.intent_logits.softmax(-1)
    memory = model.compose(context, context.prior, noise, positive, intent)
    states = model.decode(batch.decoder_input, memory)
    log_probs = model.project(states).float().log_softmax(-1)
    costs = -log_probs.gather(2, batch.reply[:, :, None])[:, :, 0]
    return (costs * batch.reply_real).sum(1), recognised
