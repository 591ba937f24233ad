"""What a run refuses before it reads its data, and what it says of a state that is not its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mime_fast.config import ModelConfig
from mime_fast.training.config import LossWeights, TrainingConfig


def check_options(
    config: TrainingConfig, model_options: Mapping[str, Any], teacher: Path | None
) -> ModelConfig:
    """Check what no single option decides; returns the model's shape, but for its vocabulary.

    ValueError: options do not fit each other, or the system, or the machine.
    """
    if model_options.get("objective") == "released":
        _check_released(config, teacher)
    if teacher is None and config.teacher_share != TrainingConfig.teacher_share:
        raise ValueError(f"teacher_share={config.teacher_share} has no effect without --teacher")
    if config.mixed_precision == "fp16" and not torch.cuda.is_available():
        raise ValueError("mixed_precision='fp16' needs a GPU; use bf16 or no")
    given = ModelConfig.from_dict({"vocab_size": 8, **model_options})
    if not given.system.over_words:
        raise ValueError(f"architecture={given.architecture!r} is trained by `mime-fast learn`")
    return given


def _check_released(config: TrainingConfig, teacher: Path | None) -> None:
    usual, given = asdict(LossWeights()), asdict(config.weights)
    if changed := [f"{name}={given[name]}" for name in given if given[name] != usual[name]]:
        raise ValueError(f"objective='released' has fixed weights; leave out {', '.join(changed)}")
    if teacher is not None:
        raise ValueError("objective='released' learns hard labels; leave out --teacher")


def difference(old: Any, new: Any) -> str:
    """How a fact of a state differs from the run's own, in words."""
    if not isinstance(old, dict):
        return f"{old} then, {new} now"
    if (first := "architecture") in old and old[first] != new[first]:
        return f"{first} {old[first]} then, {new[first]} now"  # the other options follow from it
    return ", ".join(
        f"{key} {old.get(key)} then, {new.get(key)} now"
        for key in old | new
        if old.get(key) != new.get(key)
    )
