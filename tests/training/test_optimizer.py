import pytest
from torch import nn

from mime_fast.training.optimizer import parameter_groups, warmup_cosine


def test_the_learning_rate_rises_to_its_peak_and_falls_to_its_floor() -> None:
    shares = [warmup_cosine(step, 4, 24, 0.1) for step in range(1, 25)]
    assert shares[:4] == [0.25, 0.5, 0.75, 1.0]
    assert shares[13] == pytest.approx(0.55)
    assert shares[-1] == pytest.approx(0.1)
    assert shares[3:] == sorted(shares[3:], reverse=True)
    assert warmup_cosine(1, 0, 1, 0.1) == pytest.approx(0.1)


def test_matrices_decay_and_parameters_of_one_rate_are_together() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 2))
    plain = parameter_groups(model, 0.5)
    assert [(len(each["params"]), each["weight_decay"]) for each in plain] == [(2, 0.5), (4, 0.0)]
    slow = parameter_groups(model, 0.5, lambda name: 0.1 if name.startswith("2.") else 1.0)
    assert [(len(each["params"]), each["rate"], each["weight_decay"]) for each in slow] == [
        (1, 1.0, 0.5),
        (3, 1.0, 0.0),
        (1, 0.1, 0.5),
        (1, 0.1, 0.0),
    ]
