from __future__ import annotations

from typing import Any

import pytest

from mime_fast.training.config import LossWeights, TrainingConfig


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer >= 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be an integer >= 1, got 2.5"),
        ({"learning_rate": 0}, r"learning_rate must be in \(0, 1\], got 0"),
        ({"learning_rate": float("nan")}, r"learning_rate must be in \(0, 1\], got nan"),
        ({"ema_decay": 1}, r"ema_decay must be in \[0, 1\), got 1"),
        ({"mixed_precision": "int8"}, "mixed_precision must be one of no, bf16, fp16, got 'int8'"),
        ({"speed": 2}, "unknown TrainingConfig option 'speed'"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingConfig().replace(**options)


def test_a_wrong_weight_is_named() -> None:
    with pytest.raises(ValueError, match="delta must be at least 0, got -1"):
        LossWeights(delta=-1)
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\), got 1"):
        LossWeights(label_smoothing=1)
