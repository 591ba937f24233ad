"""Which weights of a stage are validated and shipped: the last, their average, or the best."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Tensors = dict[str, Tensor]


class KeptWeights:
    """Follows a model that learns.

    ema_decay: the decay of the moving average that is validated; 0: the weights are validated.
    patience: so many validations without gain end the stage (`is_over`), and the best weights are
    shipped; 0: the last ones are.
    """

    def __init__(self, model: nn.Module, ema_decay: float, patience: int) -> None:
        self.model, self.patience = model, patience
        average = get_ema_multi_avg_fn(ema_decay)
        self.average = AveragedModel(model, multi_avg_fn=average) if ema_decay else None
        self.best: Tensors = {}
        self.lowest, self.worse = math.inf, 0  # the best figure, and the validations since

    @property
    def copies(self) -> int:
        """How often a state holds the weights for this."""
        return (self.average is not None) + (self.patience > 0)

    @property
    def is_over(self) -> bool:
        """Whether nothing was gained for too long."""
        return 0 < self.patience <= self.worse

    def update(self) -> None:
        """Follow a step."""
        if self.average is not None:
            self.average.update_parameters(self.model)

    @contextmanager
    def validated(self) -> Iterator[None]:
        """Meanwhile the model has the weights that are validated."""
        if self.average is None:
            yield
            return
        learning = _copy(self.model)
        try:
            self.model.load_state_dict(self.average.module.state_dict())
            yield
        finally:
            self.model.load_state_dict(learning)

    def judge(self, figure: float) -> None:
        """Within `validated`: keep these weights if the figure is lower than any before."""
        if not self.patience:
            return
        self.worse += 1
        if figure < self.lowest:
            self.lowest, self.worse, self.best = figure, 0, _copy(self.model)

    def ship(self) -> None:
        """Give the model the weights that are shipped."""
        if self.best:
            self.model.load_state_dict(self.best)
        elif self.average is not None:
            self.model.load_state_dict(self.average.module.state_dict())

    def tensors(self) -> dict[str, Tensors]:
        """What load() reads, in groups."""
        groups = {"best": self.best}
        if self.average is not None:
            groups["average"] = dict(self.average.module.state_dict())
            groups["updates"] = {"count": self.average.n_averaged}
        return groups

    def facts(self) -> dict[str, Any]:
        """What load() reads, beside the tensors."""
        return {"lowest": self.lowest if self.best else None, "worse": self.worse}

    def load(self, groups: dict[str, Tensors], facts: dict[str, Any]) -> None:
        """Go back to the tensors and facts of an earlier run with the same options."""
        self.best, self.worse = groups.get("best", {}), facts["worse"]
        self.lowest = math.inf if facts["lowest"] is None else facts["lowest"]
        if self.average is not None:
            self.average.module.load_state_dict(groups["average"])
            self.average.n_averaged.copy_(groups["updates"]["count"])


def _copy(model: nn.Module) -> Tensors:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
