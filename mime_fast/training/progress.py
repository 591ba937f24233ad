"""A training run on the terminal: one bar, a line for each validation."""

from __future__ import annotations

import math
from types import TracebackType
from typing import Any, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mime_fast.likelihood.perplexity import Likelihood
from mime_fast.training.objective import Loss

SMOOTHING = 0.98  # of the running averages that are shown


class _BarReporter:
    """A bar of steps with the time left, and running averages. A context manager."""

    def __init__(self, title: str, *columns: str, **fields: Any) -> None:
        self._bar = Progress(
            TextColumn(title),
            BarColumn(),
            MofNCompleteColumn(),
            *map(TextColumn, columns),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._task = self._bar.add_task(title, total=None, **fields)
        self._averages: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar.live.is_started:  # else it would print a line before an error
            self._bar.stop()

    def _show(self, step: int, total: int, **fields: Any) -> None:
        self._bar.start()  # not before: other processes than the main one never get here
        self._bar.update(self._task, completed=step, total=total, **fields)

    def _average(self, name: str, value: float) -> float:
        old = self._averages.get(name, value)
        self._averages[name] = SMOOTHING * old + (1 - SMOOTHING) * value
        return self._averages[name]


class RichReporter(_BarReporter):
    """Shows loss, perplexity, tokens a second and the time left."""

    def __init__(self) -> None:
        loss = "loss {task.fields[loss]:.3f}  ppl {task.fields[perplexity]:.1f}"
        rate = "{task.fields[rate]:.0f} tokens/s"
        super().__init__("training", loss, rate, loss=0.0, perplexity=0.0, rate=0.0)

    def step(self, step: int, total: int, loss: Loss, tokens_per_second: float) -> None:
        """Show the step, and running averages of loss, perplexity and speed."""
        self._show(
            step,
            total,
            loss=self._average("loss", loss.total.item()),
            perplexity=math.exp(min(self._average("nll", loss.nll.item()), 20)),
            rate=self._average("rate", tokens_per_second),
        )

    def validation(self, step: int, result: Likelihood, best: bool) -> None:
        """Print the figures of a validation."""
        self._bar.console.print(
            f"step {step}: validation perplexity {result.perplexity_example_mean:.2f}, "
            f"emotion accuracy {result.emotion_accuracy:.1%}{' (best)' if best else ''}"
        )


class StageReporter(_BarReporter):
    """Shows the losses of a stage and the time left."""

    def __init__(self, title: str) -> None:
        super().__init__(title, "{task.fields[losses]}", losses="")

    def step(self, step: int, total: int, losses: dict[str, float]) -> None:
        """Show the step and the running averages of the losses."""
        shown = (f"{name} {self._average(name, loss):.3f}" for name, loss in losses.items())
        self._show(step, total, losses="  ".join(shown))

    def validation(self, step: int, figures: dict[str, float]) -> None:
        """Print the figures of a validation."""
        shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self._bar.console.print(f"validation after step {step}: {shown}")
