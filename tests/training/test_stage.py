from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mime_fast.training.config import StageConfig
from mime_fast.training.stage import StageRun
from mime_fast.training.state import load_state

CONFIG = StageConfig(
    epochs=3, learning_rate=0.05, warmup_steps=2, validate_every=4, save_seconds=0.0001
)


class Line:
    """Learns y = 2 x; `stop` ends it as a crash would."""

    def __init__(self, stop: int = -1) -> None:
        torch.manual_seed(0)
        self.model = nn.Linear(1, 1)
        self.stop = stop
        self.order: list[Any] = []
        self.data = "a line"

    def rate(self, name: str) -> float:
        return 0.5 if name == "bias" else 1.0

    def digest(self) -> str:
        return self.data

    def batches(self, epoch: int) -> list[Any]:
        return [epoch * 10 + place for place in range(5)]

    def losses(self, batch: Any, progress: float) -> dict[str, Tensor]:
        if len(self.order) == self.stop:
            raise KeyboardInterrupt
        assert 0 <= progress < 1
        self.order.append(batch)
        x = torch.tensor([[float(batch)]])
        return {"error": (self.model(x) - 2 * x).square().mean() / 100}

    def validate(self) -> dict[str, float]:
        return {"weight": self.model.weight.item()}


class Log:
    def __init__(self) -> None:
        self.steps: list[int] = []
        self.validations: list[int] = []

    def step(self, step: int, total: int, losses: dict[str, float]) -> None:
        assert step <= total
        assert list(losses) == ["error"]
        self.steps.append(step)

    def validation(self, step: int, figures: dict[str, float]) -> None:
        self.validations.append(step)


class Interrupting(Log):
    """Interrupts after a step."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last

    def step(self, step: int, total: int, losses: dict[str, float]) -> None:
        if step == self.last:
            raise KeyboardInterrupt


def test_a_run_goes_through_all_epochs(tmp_path: Path) -> None:
    stage, log = Line(), Log()
    history = StageRun(stage, tmp_path / "state", CONFIG, log).run()
    assert stage.order == [e * 10 + p for e in range(3) for p in range(5)]
    assert log.steps == list(range(1, 16))
    assert log.validations == [4, 8, 12, 15]
    assert history[-1]["weight"] == stage.model.weight.item()


@pytest.mark.parametrize("most", [3, 7, 15, 99])
def test_a_run_makes_no_more_steps_than_it_may(tmp_path: Path, most: int) -> None:
    stage, log = Line(), Log()
    StageRun(stage, tmp_path / "state", CONFIG.replace(max_steps=most), log).run()
    assert stage.order == [e * 10 + p for e in range(3) for p in range(5)][:most]
    assert log.validations[-1] == min(most, 15)


@pytest.mark.parametrize("stop", [1, 5, 7, 14])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path: Path, stop: int) -> None:
    whole = Line()
    StageRun(whole, tmp_path / "whole", CONFIG, Log()).run()
    broken = Line(stop)
    with pytest.raises(KeyboardInterrupt):
        StageRun(broken, tmp_path / "state", CONFIG, Log()).run()
    resumed = Line()
    run = StageRun(resumed, tmp_path / "state", CONFIG, Log())
    assert run.step == stop
    history = run.run()
    assert broken.order + resumed.order == whole.order
    assert torch.equal(resumed.model.weight, whole.model.weight)
    assert [figures["step"] for figures in history] == [4, 8, 12, 15]


@pytest.mark.parametrize("stop", [1, 5, 9])
def test_an_interrupted_run_goes_on_with_its_average(tmp_path: Path, stop: int) -> None:
    config = CONFIG.replace(ema_decay=0.9, patience=2)
    whole, resumed = Line(), Line()
    history = StageRun(whole, tmp_path / "whole", config, Log()).run()
    with pytest.raises(KeyboardInterrupt):
        StageRun(Line(stop), tmp_path / "state", config, Log()).run()
    assert StageRun(resumed, tmp_path / "state", config, Log()).run() == history
    assert torch.equal(resumed.model.weight, whole.model.weight)


def test_a_run_ends_when_nothing_is_gained_and_ships_the_best(tmp_path: Path) -> None:
    stage, log = Line(), Log()
    figures = iter([3.0, 2.0, 2.5, 2.0, 1.0])
    seen: list[Tensor] = []

    def validate() -> dict[str, float]:
        seen.append(stage.model.weight.detach().clone())
        return {"perplexity": next(figures)}

    stage.validate = validate  # type: ignore[method-assign]
    config = CONFIG.replace(validate_every=2, patience=2)
    StageRun(stage, tmp_path / "state", config, log).run()
    assert log.validations == [2, 4, 6, 8]
    assert torch.equal(stage.model.weight, seen[1])
    again = Line()
    assert len(StageRun(again, tmp_path / "state", config, Log()).run()) == 4
    assert again.order == []
    assert torch.equal(again.model.weight, seen[1])


def test_a_validation_that_was_interrupted_is_made_again(tmp_path: Path) -> None:
    config = CONFIG.replace(ema_decay=0.9, patience=2)
    whole, broken, resumed = Line(), Line(), Line()
    history = StageRun(whole, tmp_path / "whole", config, Log()).run()

    def validate() -> dict[str, float]:
        raise KeyboardInterrupt

    broken.validate = validate  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        StageRun(broken, tmp_path / "state", config, Log()).run()
    assert StageRun(resumed, tmp_path / "state", config, Log()).run() == history
    assert torch.equal(resumed.model.weight, whole.model.weight)


def test_the_average_is_validated_and_the_weights_go_on(tmp_path: Path) -> None:
    plain, averaged = Line(), Line()
    config = CONFIG.replace(epochs=1, validate_every=1)
    StageRun(plain, tmp_path / "plain", config, Log()).run()
    run = StageRun(averaged, tmp_path / "state", config.replace(ema_decay=0.5), Log())
    validated = [figures["weight"] for figures in run.run()]
    last = load_state(tmp_path / "state")[0]["model"]["weight"]
    assert torch.equal(last, plain.model.weight)
    weights = [figures["weight"] for figures in load_state(tmp_path / "plain")[1]["history"]]
    expected = weights[0]
    for weight, found in zip(weights, validated, strict=True):
        expected += 0.5 * (weight - expected)
        assert found == pytest.approx(expected, abs=1e-6)
    assert averaged.model.weight.item() == validated[-1]


def test_a_parameter_has_the_rate_that_its_stage_gives_it(tmp_path: Path) -> None:
    stage = Line()
    before = {name: p.detach().clone() for name, p in stage.model.named_parameters()}
    config = CONFIG.replace(epochs=1, weight_decay=0.0, warmup_steps=0)
    run = StageRun(stage, tmp_path / "state", config, Log())
    run._train_step(1)
    moved = {name: (p - before[name]).abs().item() for name, p in stage.model.named_parameters()}
    assert moved["bias"] == pytest.approx(moved["weight"] / 2, rel=1e-3)  # Adam's first step


def test_a_finished_run_makes_no_step(tmp_path: Path) -> None:
    StageRun(Line(), tmp_path / "state", CONFIG, Log()).run()
    again = Line()
    assert len(StageRun(again, tmp_path / "state", CONFIG, Log()).run()) == 4
    assert again.order == []


def test_a_state_of_other_options_is_refused(tmp_path: Path) -> None:
    StageRun(Line(), tmp_path / "state", CONFIG, Log()).run()
    with pytest.raises(ValueError, match="was made with other options"):
        StageRun(Line(), tmp_path / "state", CONFIG.replace(seed=1), Log())


def test_a_state_of_other_data_is_refused(tmp_path: Path) -> None:
    StageRun(Line(), tmp_path / "state", CONFIG, Log()).run()
    other = Line()
    other.data = "a circle"
    with pytest.raises(ValueError, match="was made of other data"):
        StageRun(other, tmp_path / "state", CONFIG, Log())


def test_a_state_of_another_shape_is_refused(tmp_path: Path) -> None:
    StageRun(Line(), tmp_path / "state", CONFIG, Log()).run()
    other = Line()
    other.model = nn.Linear(2, 1)
    with pytest.raises(ValueError, match="is not the state of this stage"):
        StageRun(other, tmp_path / "state", CONFIG, Log())


def test_an_interrupt_between_steps_keeps_them(tmp_path: Path) -> None:
    config = CONFIG.replace(save_seconds=1000.0)
    with pytest.raises(KeyboardInterrupt):
        StageRun(Line(), tmp_path / "state", config, Interrupting(3)).run()
    assert StageRun(Line(), tmp_path / "state", config, Log()).step == 3


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path: Path) -> None:
    stage = Line()
    nn.init.constant_(stage.model.weight, float("nan"))
    with pytest.raises(FloatingPointError, match="lower --learning-rate"):
        StageRun(stage, tmp_path / "state", CONFIG, Log()).run()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer >= 1"),
        ({"max_steps": -1}, "max_steps must be an integer >= 0"),
        ({"tokens": 1.5}, "tokens must be an integer >= 1"),
        ({"learning_rate": 0}, r"learning_rate must be in \(0, 1\]"),
        ({"save_seconds": 0}, "save_seconds must be positive"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_wrong_options_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StageConfig().replace(**change)
