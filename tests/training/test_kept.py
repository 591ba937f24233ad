from __future__ import annotations

import pytest
import torch
from torch import nn

from mime_fast.training.kept import KeptWeights


def _moved(model: nn.Linear, weight: float) -> None:
    with torch.no_grad():
        model.weight.fill_(weight)


@pytest.mark.parametrize(
    ("ema_decay", "patience", "copies"), [(0.0, 0, 0), (0.9, 0, 1), (0.0, 2, 1), (0.9, 2, 2)]
)
def test_a_state_holds_what_is_kept_beside_the_weights(
    ema_decay: float, patience: int, copies: int
) -> None:
    assert KeptWeights(nn.Linear(1, 1), ema_decay, patience).copies == copies


def test_an_interrupted_validation_leaves_the_weights_that_learn() -> None:
    model = nn.Linear(1, 1)
    kept = KeptWeights(model, 0.5, 0)
    for weight in (2.0, 4.0):
        _moved(model, weight)
        kept.update()
    validation = kept.validated()
    validation.__enter__()
    assert model.weight.item() == 3.0
    assert not validation.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)  # it goes on
    assert model.weight.item() == 4.0


def test_a_figure_that_is_no_number_is_no_gain() -> None:
    kept = KeptWeights(nn.Linear(1, 1), 0.0, 2)
    kept.judge(float("nan"))
    kept.judge(float("nan"))
    assert kept.is_over
    assert kept.best == {}


def test_without_an_average_the_last_weights_are_shipped() -> None:
    model = nn.Linear(1, 1)
    kept = KeptWeights(model, 0.0, 0)
    _moved(model, 7.0)
    kept.update()
    kept.judge(1.0)
    kept.ship()
    assert model.weight.item() == 7.0
    assert not kept.is_over


def test_kept_weights_are_loaded_as_they_were() -> None:
    def fresh() -> tuple[nn.Linear, KeptWeights]:
        model = nn.Linear(1, 1)
        return model, KeptWeights(model, 0.5, 3)

    model, kept = fresh()
    for weight, figure in ((2.0, 1.5), (4.0, 2.5)):
        _moved(model, weight)
        kept.update()
        with kept.validated():
            kept.judge(figure)
    other, loaded = fresh()
    loaded.load(kept.tensors(), kept.facts())
    assert (loaded.lowest, loaded.worse) == (1.5, 1)
    _moved(other, 7.0)
    loaded.update()
    with loaded.validated():
        assert other.weight.item() == 5.0  # halfway from 3 to 7
    loaded.ship()
    assert other.weight.item() == 2.0
