"""The checkpoint of a trained model, and its model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from mime_fast import checkpoint
from mime_fast.config import ModelConfig
from mime_fast.likelihood.perplexity import Likelihood
from mime_fast.models.base import ReplyModel
from mime_fast.text.tokenizer import Tokenizer
from mime_fast.training.config import TrainingConfig


class Made(NamedTuple):
    """How much it took to make a model."""

    pairs: int
    steps: int
    seconds: float


def model_card(
    shape: ModelConfig,
    config: TrainingConfig,
    made: Made,
    result: Likelihood,
    facts: Mapping[str, Any],
) -> str:
    """The model card. result: on the validation set; facts: of the run, beside its options."""
    # A checkpoint's config has no dropout.
    shown = {**asdict(config), **facts, "dropout": shape.dropout}
    options = "\n".join(f"- {name}: {value}" for name, value in shown.items())
    return (
        f"# A checkpoint of {shape.architecture}\n\n"
        f"Trained by `mime-fast train` on {made.pairs} pairs for "
        f"{made.steps} steps ({made.seconds / 60:.0f} minutes).\n\n"
        f"Validation: perplexity {result.perplexity_example_mean:.2f} (mean over examples), "
        f"{result.perplexity_token_mean:.2f} (over tokens); emotion accuracy "
        f"{result.emotion_accuracy:.1%}, polarity {result.polarity_accuracy:.1%}.\n\n"
        f"Options:\n{options}\n"
    )


def save_model(out: Path, model: ReplyModel, tokenizer: Tokenizer, card: str) -> None:
    """Write a model's checkpoint directory; weights in float16."""
    tied = {"output.weight"} if model.config.tie_embeddings else set()
    tensors = {
        name: tensor.detach().cpu().half().numpy()
        for name, tensor in model.state_dict().items()
        if name not in tied
    }
    config = model.config.replace(dropout=0.0)
    checkpoint.save(out, config, tokenizer, tensors, card)
