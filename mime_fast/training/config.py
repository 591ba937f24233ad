"""What decides a training run besides its data and the model's shape. Imports no torch.

The defaults are those of the bundled checkpoint, but for `vectors`, "bf16" and its teacher.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mime_fast.config import INFINITY, Config, require, require_int, require_number


@dataclass(frozen=True)
class Weights(Config):
    """L = gamma response + alpha emotion + beta (KL+ + KL-) + delta mixture."""

    alpha: float = 0.5
    beta: float = 0.1
    gamma: float = 1.0
    delta: float = 1.0
    label_smoothing: float = 0.0
    free_bits: float = 0.0  # nats a group that cost nothing
    beta_warmup: float = 0.2  # share of training over which beta rises from 0

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "gamma", "delta", "free_bits"):
            require_number(self, name, "at least 0", 0.0, INFINITY)
        require_number(self, "label_smoothing", "in [0, 1)", 0.0, 0.999)
        require_number(self, "beta_warmup", "in [0, 1]", 0.0, 1.0)


@dataclass(frozen=True)
class TrainingConfig(Config):
    """Everything that decides the result of a run besides the data and the model's shape."""

    epochs: int = 6
    batch_size: int = 64
    learning_rate: float = 1.5e-3  # the peak
    warmup_steps: int = 500
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    ema_decay: float = 0.998  # validation and the checkpoint use the averaged weights
    validate_every: int = 630  # steps: about one epoch of EmpatheticDialogues
    patience: int = 4  # validations without improvement before stopping
    min_count: int = 2  # words seen less often are UNK
    vectors: bool = False  # start from pretrained word vectors
    teacher_share: float = 0.7  # of the emotion's soft label, where there is a teacher
    mixed_precision: str = "no"  # "bf16" on processors that have it, "fp16" on GPUs only
    seed: int = 1234
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        require_int(
            self, "epochs", "batch_size", "validate_every", "patience", "min_count", least=1
        )
        require_int(self, "warmup_steps", least=0)
        require_int(self, "seed", least=0, most=2**32 - 1)
        require_number(self, "learning_rate", "in (0, 1]", 5e-324, 1.0)
        require_number(self, "weight_decay", "at least 0", 0.0, INFINITY)
        require_number(self, "max_grad_norm", "positive", 5e-324, INFINITY)
        require_number(self, "ema_decay", "in [0, 1)", 0.0, 0.999999)
        require_number(self, "teacher_share", "in [0, 1]", 0.0, 1.0)
        require(
            self.mixed_precision in ("no", "bf16", "fp16"),
            f"mixed_precision must be no, bf16 or fp16, got {self.mixed_precision!r}",
        )
