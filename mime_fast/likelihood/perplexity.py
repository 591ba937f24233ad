"""Perplexity and emotion recognition under the authors' conventions (paper, section 4.3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mime_fast.emotions import POSITIVE
from mime_fast.likelihood.pairs import Batch, Pair, collate, length_order, sorted_batches
from mime_fast.models.base import EncoderDecoder, shift_right
from mime_fast.text.tokenizer import PAD, UNK

BATCH = 64


@dataclass(frozen=True)
class Likelihood:
    """Over a set of examples; costs in nats."""

    perplexity_example_mean: float  # exp of the mean over examples of each example's mean cost
    perplexity_token_mean: float  # exp of the mean cost over all tokens
    emotion_accuracy: float
    polarity_accuracy: float


@dataclass(frozen=True)
class ExampleCosts:
    """What the figures are made of, in the order of the examples; on the CPU."""

    costs: Tensor  # (examples,) float64: nats of a reply's tokens and its end
    tokens: Tensor  # (examples,) int64: how many words these are, and the end
    emotion_logits: Tensor  # (examples, emotions)

    @property
    def perplexity(self) -> float:
        """Exp of the mean over examples of each example's mean cost: the authors' convention."""
        return (
            (self.costs / self.tokens).mean().exp().item()
        )  # infinity, where math.exp would raise


def likelihood(
    model: EncoderDecoder,
    pairs: Sequence[Pair],
    unknown_types: int,
    *,
    gold_polarity: bool = True,
    seed: int | None = None,
) -> Likelihood:
    """Perplexities of the replies' words and ends, and emotion accuracy; see example_costs."""
    found = example_costs(model, pairs, unknown_types, gold_polarity=gold_polarity, seed=seed)
    emotions = torch.tensor([pair.emotion for pair in pairs])
    predicted = found.emotion_logits.argmax(-1)
    same_group = _positive(predicted) == _positive(emotions)
    return Likelihood(
        found.perplexity,
        (found.costs.sum() / found.tokens.sum()).exp().item(),
        int((predicted == emotions).sum()) / len(pairs),
        int(same_group.sum()) / len(pairs),
    )


@torch.inference_mode()
def example_costs(
    model: EncoderDecoder,
    pairs: Sequence[Pair],
    unknown_types: int,
    *,
    gold_polarity: bool = True,
    seed: int | None = None,
) -> ExampleCosts:
    """Cost of each reply, and the emotion recognised in each context.

    unknown_types: U, the number of different words of the set that the vocabulary lacks.
    Each occurrence costs ln(U) on top of -ln p(UNK), so that a small vocabulary wins nothing.
    gold_polarity: MIME mimics the label's polarity (its authors' perplexity), else the predicted
    one's. Other systems are shown no label.
    seed: of the emotion noise; None: the means.
    """
    model.eval()
    device = next(model.parameters()).device
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    sums, counts, emotion_logits = [], [], []
    for pairs_of_batch in sorted_batches(pairs, BATCH):
        batch = collate(pairs_of_batch).to(device)
        noise = draw_noise(model, len(pairs_of_batch), generator)
        costs, logits = reply_costs(model, batch, noise, gold_polarity, unknown_types)
        sums.append(costs.sum(1))
        counts.append(torch.tensor([pair.words for pair in pairs_of_batch]))
        emotion_logits.append(logits)
    place = torch.tensor(length_order(pairs)).argsort()
    parts = (sums, counts, emotion_logits)
    costs, tokens, logits = (torch.cat(part).cpu()[place] for part in parts)
    return ExampleCosts(costs.double(), tokens, logits)


def reply_costs(
    model: EncoderDecoder, batch: Batch, noise: Tensor, gold_polarity: bool, unknown_types: int
) -> tuple[Tensor, Tensor]:
    """Cost of every reply token in nats (batch, length), 0 at padding; emotion logits."""
    emotion = batch.emotion if gold_polarity and model.config.mimics else None
    memory = model.encode(batch.tokens, batch.speakers, noise, emotion=emotion)
    states = model.decode(shift_right(batch.reply), memory)
    real = batch.reply != PAD
    logits = model.project(states[real]).float()
    targets = batch.reply[real]
    costs = functional.cross_entropy(logits, targets, reduction="none")
    costs = costs + (targets == UNK) * math.log(max(unknown_types, 1))
    return torch.zeros(real.shape, device=costs.device).masked_scatter(
        real, costs
    ), memory.emotion_logits


def draw_noise(model: EncoderDecoder, rows: int, generator: torch.Generator | None) -> Tensor:
    """Emotion noise (rows, latents, latent); zeros without a generator: the means."""
    device = next(model.parameters()).device
    shape = (model.config.latents, rows, model.config.noise_dim)
    if generator is None:
        return torch.zeros(shape, device=device).transpose(0, 1)
    return torch.randn(shape, generator=generator).to(device).transpose(0, 1)


def count_unknown_types(words: Iterable[str], known: set[str]) -> int:
    """U: how many different words of a set are outside the vocabulary."""
    return len(set(words) - known)


def _positive(emotion: Tensor) -> Tensor:
    return torch.isin(emotion, torch.tensor(POSITIVE, device=emotion.device))
