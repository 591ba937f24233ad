"""One stage of training: steps, saved states, validation. What is learned is the stage's own."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mime_fast.files import WriteError
from mime_fast.training.config import StageConfig
from mime_fast.training.kept import KeptWeights
from mime_fast.training.optimizer import parameter_groups, warmup_cosine
from mime_fast.training.precision import fast_products
from mime_fast.training.state import (
    load_state,
    optimizer_tensors,
    restore_optimizer,
    save_state,
)
from mime_fast.training.target import check_room

STATE_COPIES = 3  # weights, and the optimizer's two moments


class Stage(Protocol):
    """What a stage learns."""

    @property
    def model(self) -> nn.Module:
        """What is trained and saved."""

    def rate(self, name: str) -> float:
        """The learning rate of a parameter, as a share of the stage's."""

    def digest(self) -> str:
        """Changes with the data that are learned."""

    def batches(self, epoch: int) -> list[Any]:
        """The steps of an epoch, always as many, in an order that the epoch decides."""

    def losses(self, batch: Any, progress: float) -> dict[str, Tensor]:
        """Scalars by name; the sum of all is minimised. progress: share of the steps done."""

    def validate(self) -> dict[str, float]:
        """Figures by name; the first is the one to be low."""


class Reporter(Protocol):
    """Receives the progress of a run."""

    def step(self, step: int, total: int, losses: dict[str, float]) -> None:
        """After every step."""

    def validation(self, step: int, figures: dict[str, float]) -> None:
        """After every validation."""


class StageRun:
    """Runs a stage from its saved state, if there is one, to the end."""

    def __init__(self, stage: Stage, state: Path, config: StageConfig, reporter: Reporter) -> None:
        self.stage, self.state_path, self.config, self.reporter = stage, state, config, reporter
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        stage.model.to(self.device)
        self.optimizer = torch.optim.AdamW(
            parameter_groups(stage.model, config.weight_decay, stage.rate),
            lr=config.learning_rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.steps_per_epoch = len(stage.batches(0))
        steps = config.epochs * self.steps_per_epoch
        self.total_steps = min(steps, config.max_steps or steps)
        self.step, self.seconds = 0, 0.0
        self.is_whole = False
        self.kept = KeptWeights(stage.model, config.ema_decay, config.patience)
        self.history: list[dict[str, float]] = []
        self.saved: int | None = None  # the step of the state that is kept
        check_room(state, stage.model, STATE_COPIES + self.kept.copies)
        if state.exists():
            self._restore()

    def run(self) -> list[dict[str, float]]:
        """Make the steps that are left, unless too many validations gained nothing.

        The model then has the weights that are shipped. Returns the figures of every validation.
        """
        saved = begun = time.monotonic()
        before = self.seconds
        try:
            validated = {figures["step"] for figures in self.history}
            if self._is_validated_here() and self.step not in validated:
                self._validate()  # an interrupt ended this validation
            for batch in self._batches_left():
                self._train_step(batch)
                now = time.monotonic()
                self.seconds = before + now - begun
                if self._is_validated_here():
                    self._validate()
                last = self.step == self.total_steps or self.kept.is_over
                if last or now - saved > self.config.save_seconds:
                    self.save()
                    saved = now
                if last:
                    break
        except KeyboardInterrupt:
            if self.is_whole:
                self.save()
            raise
        self.kept.ship()
        return self.history

    def save(self) -> None:
        """Write the state: weights, moments, random numbers, place.

        WriteError: it cannot be written; the message says which steps are kept.
        """
        groups = {
            "model": dict(self.stage.model.state_dict()),
            "optimizer": optimizer_tensors(self.optimizer),
            "random": {"torch": torch.get_rng_state()},
            **self.kept.tensors(),
        }
        facts = {"step": self.step, "seconds": self.seconds, "history": self.history}
        facts |= self.kept.facts()
        identity = {"config": self.config.to_dict(), "data": self.stage.digest()}
        try:
            save_state(self.state_path, groups, {**facts, **identity})
        except WriteError as error:
            kept = "no step is" if self.saved is None else f"the steps up to {self.saved} are"
            raise WriteError(f"{error}; training stops at step {self.step}, {kept} kept") from error
        self.saved = self.step

    def _restore(self) -> None:
        groups, facts = load_state(self.state_path)
        if facts.get("config") != self.config.to_dict():
            raise ValueError(
                f"{self.state_path} was made with other options, {json.dumps(facts.get('config'))};"
                " use the same ones, or another --out"
            )
        if facts.get("data") != self.stage.digest():
            raise ValueError(f"{self.state_path} was made of other data; name another --out")
        try:
            self.stage.model.load_state_dict(groups["model"])
            restore_optimizer(self.optimizer, groups["optimizer"])
            torch.set_rng_state(groups["random"]["torch"])
            self.step, self.seconds = facts["step"], facts["seconds"]
            self.history = facts["history"]
            self.kept.load(groups, facts)
        except (KeyError, TypeError, RuntimeError) as error:
            raise ValueError(
                f"{self.state_path} is not the state of this stage ({error!r:.200}); "
                "delete it, or name another --out"
            ) from error
        self.saved = self.step

    def _batches_left(self) -> Iterator[Any]:
        while self.step < self.total_steps and not self.kept.is_over:
            epoch, first = divmod(self.step, self.steps_per_epoch)
            left = self.total_steps - self.step
            yield from self.stage.batches(epoch)[first : first + left]

    def _train_step(self, batch: Any) -> None:
        self.is_whole = False  # whether all parameters have made the same steps
        self.stage.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * self._learning_rate()
        with fast_products(self.device):
            losses = self.stage.losses(batch, self.step / self.total_steps)
        total = torch.stack(list(losses.values())).sum()
        total.backward()
        if not math.isfinite(total.item()):
            raise FloatingPointError(
                f"the loss became {total.item()} at step {self.step}; lower --learning-rate"
            )
        nn.utils.clip_grad_norm_(self.stage.model.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.kept.update()
        self.step += 1
        self.is_whole = True
        self.reporter.step(
            self.step, self.total_steps, {name: loss.item() for name, loss in losses.items()}
        )

    def measure(self) -> dict[str, float]:
        """The figures of the model as it is now."""
        self.stage.model.eval()
        with torch.inference_mode(), fast_products(self.device):
            return {"step": float(self.step), **self.stage.validate()}

    def _is_validated_here(self) -> bool:
        every = self.step > 0 and self.step % self.config.validate_every == 0
        return every or self.step == self.total_steps

    def _validate(self) -> None:
        with self.kept.validated():
            figures = self.measure()
            self.kept.judge(next(figure for name, figure in figures.items() if name != "step"))
        self.history.append(figures)
        self.reporter.validation(self.step, figures)

    def _learning_rate(self) -> float:
        """Linear warm-up, then half a cosine down to 5% of the peak."""
        step, warmup = self.step + 1, self.config.warmup_steps
        return self.config.learning_rate * warmup_cosine(step, warmup, self.total_steps, 0.05)
