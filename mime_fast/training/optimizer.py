"""What every run optimises alike: the groups of its parameters, and the learning rate's course."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import nn


def parameter_groups(
    model: nn.Module, weight_decay: float, rate: Callable[[str], float] = lambda _: 1.0
) -> list[dict[str, Any]]:
    """Parameters by their share of the learning rate; matrices decay, norms and biases do not.

    rate: the share of the parameter of that name, kept in the group as `rate`.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((rate(name), parameter.dim() > 1), []).append(parameter)
    return [
        {"params": members, "rate": share, "weight_decay": weight_decay if is_matrix else 0.0}
        for (share, is_matrix), members in groups.items()
    ]


def warmup_cosine(step: int, warmup: int, total: int, floor: float) -> float:
    """The share of the peak in a step, from 1: a linear warm-up, then half a cosine to `floor`."""
    if step <= warmup:
        return step / warmup
    share = (step - warmup) / max(1, total - warmup)
    return floor + (1 - floor) * (1 + math.cos(math.pi * share)) / 2
