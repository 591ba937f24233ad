"""What decides a training run besides its data and the model's shape. Imports no torch.

Defaults of TrainingConfig are those of mime-small, but for `vectors`, "bf16" and its teacher.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mime_fast.config import Config
from mime_fast.options import option, with_default


def _weight(default: float, help: str, within: str = "[0, inf)") -> Any:  # noqa: A002
    return option(default, help, within=within, group="Loss")


def _step(default: Any, help: str, **facts: Any) -> Any:  # noqa: A002
    return option(default, help, group="Training", **facts)


@dataclass(frozen=True)
class LossWeights(Config):
    """L = gamma response + alpha emotion + beta (KL+ + KL-) + delta mixture."""

    alpha: float = _weight(0.5, "Weight of the emotion loss.")
    beta: float = _weight(0.1, "Weight of the divergence.")
    gamma: float = _weight(1.0, "Weight of the response loss.")
    delta: float = _weight(1.0, "Weight of the mixture loss.")
    label_smoothing: float = _weight(0.0, "Label smoothing of the response loss.", within="[0, 1)")
    free_bits: float = _weight(0.0, "Nats of divergence a group that are free.")
    beta_warmup: float = _weight(
        0.2, "Share of training over which beta rises from 0.", within="[0, 1]"
    )


@dataclass(frozen=True)
class StepsConfig(Config):
    """What every run is asked about its steps."""

    epochs: int = _step(6, "Passes over the data.", within="[1, inf)")
    learning_rate: float = _step(1.5e-3, "The peak, after the warm-up.", within="(0, 1]")
    warmup_steps: int = _step(500, "Steps until the peak.", within="[0, inf)")
    weight_decay: float = _step(0.01, "Decay of matrices in a step.", within="[0, inf)")
    max_grad_norm: float = _step(1.0, "Gradients are clipped to it.", within="(0, inf)")
    # 630 steps are about one epoch of EmpatheticDialogues.
    validate_every: int = _step(630, "Steps between validations.", within="[1, inf)")
    seed: int = _step(1234, "Seed of all random numbers.", within="[0, 2**32)")


@dataclass(frozen=True)
class TrainingConfig(StepsConfig):
    """Everything that decides the result of a run besides the data and the model's shape."""

    batch_size: int = _step(64, "Pairs a step, in each process.", within="[1, inf)")
    # Validation and the checkpoint use the averaged weights.
    ema_decay: float = _step(0.998, "Decay of the moving average of the weights.", within="[0, 1)")
    patience: int = _step(4, "Validations without gain before stopping.", within="[1, inf)")
    min_count: int = _step(2, "Words seen less often become UNK.", within="[1, inf)")
    vectors: bool = _step(False, "Start from pretrained word vectors.")
    teacher_share: float = _step(
        0.7, "Share of an emotion's label that is the teacher's.", within="[0, 1]"
    )
    # bf16 on processors that have it, fp16 on GPUs only.
    mixed_precision: str = _step(
        "no", "Number format of matrix products.", choices=("no", "bf16", "fp16")
    )
    weights: LossWeights = field(default_factory=LossWeights)


@dataclass(frozen=True)
class StageConfig(StepsConfig):
    """What every stage of training mime-base is asked; see training.stage."""

    epochs: int = with_default(StepsConfig, "epochs", 1)
    learning_rate: float = with_default(StepsConfig, "learning_rate", 2e-4)
    warmup_steps: int = with_default(StepsConfig, "warmup_steps", 50)
    validate_every: int = with_default(StepsConfig, "validate_every", 100)
    tokens: int = _step(3000, "Positions a step, padding counted.", within="[1, inf)")
    max_steps: int = _step(0, "Steps at most; 0: those of all epochs.", within="[0, inf)")
    save_seconds: float = _step(600.0, "Seconds between saved states.", within="(0, inf)")
    # Validation and the checkpoint use the averaged weights.
    ema_decay: float = _step(
        0.0, "Decay of the moving average of the weights; 0: no average.", within="[0, 1)"
    )
    patience: int = _step(
        0,
        "Validations without gain before stopping, and the best is taken; 0: the last is taken.",
        within="[0, inf)",
    )


@dataclass(frozen=True)
class FinetuneConfig(StageConfig):
    """Fine-tuning of the language model; see language_model/finetune.py."""

    min_count: int = _step(3, "Pieces seen less often are split further.", within="[1, inf)")
    emotion_weight: float = _weight(0.1, "Weight of the emotion loss, beside nats a piece.")


@dataclass(frozen=True)
class ReplyWeights(Config):
    """Weights of the parts of the loss of mime-base; see training.replies.objective."""

    reply: float = _weight(1.0, "Weight of the reply's loss; 0: the encoder alone learns.")
    emotion: float = _weight(0.5, "Weight of the emotion loss.")
    divergence: float = _weight(0.02, "Weight of the divergence.")
    mixture: float = _weight(0.2, "Weight of the mixture loss.")
    intent: float = _weight(
        0.2, "Weight of the intent loss; 0: replies are learned with the predicted intents."
    )
    distillation: float = _weight(
        0.5, "Share of a reply's loss that is the teacher's.", within="[0, 1]"
    )
    smoothing: float = _weight(
        0.0, "Share of an emotion's label that all emotions have alike.", within="[0, 1]"
    )
    free_bits: float = _weight(1.0, "Nats of divergence a group that are free.")
    warmup: float = _weight(
        0.2, "Share of training over which the divergence's weight rises from 0.", within="[0, 1]"
    )


@dataclass(frozen=True)
class LearnConfig(StageConfig):
    """A stage of mime-base; see training.replies.learn."""

    tokens: int = with_default(StageConfig, "tokens", 4000)
    learning_rate: float = with_default(StageConfig, "learning_rate", 3e-4)
    encoder_rate: float = _step(
        0.3,
        "Learning rate of the encoder, as a share of the others'; 0: it stays as it is.",
        within="[0, 1]",
    )
    minilm_share: float = _step(
        0.0,
        "Share of MiniLM's own weights in the encoder of --start, which is averaged with them.",
        within="[0, 1]",
    )
    average_share: float = _step(
        0.5, "Share of the encoder of --average in the average.", within="[0, 1]"
    )
    intent_scale: float = _step(
        1.0,
        "Factor of the intents' embeddings; a larger one changes replies more.",
        within="(0, inf)",
    )
    dropout: float = _step(0.0, "Dropout of all layers.", within="[0, 1)")
    min_count: int = with_default(FinetuneConfig, "min_count", 3)
    corpus_turns: int = _step(20_000, "Turns of each further corpus.", within="[1, inf)")
    weights: ReplyWeights = field(default_factory=ReplyWeights)


@dataclass(frozen=True)
class RecordOptions(Config):
    """What a language model's predictions are recorded of."""

    count: int = option(0, "Of this many conversations; 0: all.", within="[0, inf)")
