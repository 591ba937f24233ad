"""The training loop: epochs of batches, validation, early stopping, resume."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, set_seed
from torch import Tensor

from mime_fast.files import WriteError
from mime_fast.likelihood.pairs import Batch, Pair, collate
from mime_fast.likelihood.perplexity import Likelihood, draw_noise, likelihood
from mime_fast.models import model_class
from mime_fast.spare_threads import limit_torch_threads
from mime_fast.text.tokenizer import PAD
from mime_fast.training.checks import check_options, difference
from mime_fast.training.config import TrainingConfig
from mime_fast.training.data import load_data, shuffled_batches
from mime_fast.training.export import Made, model_card, save_model
from mime_fast.training.learner import Learner
from mime_fast.training.objective import Loss, cvae_loss, released_loss
from mime_fast.training.optimizer import warmup_cosine
from mime_fast.training.state import load_state, save_state
from mime_fast.training.target import check_room, check_target, state_path


class Reporter(Protocol):
    """What a run reports; of several processes, the main one does."""

    def step(self, step: int, total: int, loss: Loss, tokens_per_second: float) -> None:
        """After every step; tokens counts the replies'."""

    def validation(self, step: int, result: Likelihood, best: bool) -> None:
        """After every validation."""


@dataclass
class Progress:
    """Where a run stands; JSON in the training state."""

    step: int = 0
    best: float = math.inf  # perplexity_example_mean on the validation set
    worse: int = 0  # validations since the best
    seconds: float = 0.0


class Trainer:
    """One run. `run()` trains to the end and writes the checkpoint directory `out`.

    The state is kept beside it in `out` + ".training.safetensors", once a validation.
    """

    def __init__(
        self,
        data: Path,
        out: Path,
        config: TrainingConfig,
        model_options: dict[str, Any],
        reporter: Reporter,
        *,
        teacher: Path | None = None,
        resume: bool = False,
    ) -> None:
        self.out, self.config, self.reporter = out, config, reporter
        self.state_path = state_path(out)
        check_target(out, self.state_path, resume)
        given = check_options(config, model_options, teacher)
        is_sparse = model_class(given).is_sparse
        limit_torch_threads()
        self.accelerator = Accelerator(
            mixed_precision=config.mixed_precision,
            # Else processes without a GPU train the same thing side by side (accelerate 1.15).
            cpu=not torch.cuda.is_available(),
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=is_sparse)],
        )
        set_seed(config.seed)
        self.data = load_data(data, config, model_options, teacher)
        self.progress = Progress()
        self.saved: int | None = None  # the step of the state that is kept
        self.learner = Learner(self.accelerator, config, self.data)
        check_room(self.state_path, self.learner.averaged)
        if resume:
            self._restore()

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps an epoch, each of batch_size pairs in every process."""
        share = self.config.batch_size * self.accelerator.num_processes
        return math.ceil(len(self.data.pairs) / share)

    @property
    def total_steps(self) -> int:
        """Steps of the whole run, if it is not stopped early."""
        return self.config.epochs * self.steps_per_epoch

    def run(self) -> Likelihood:
        """Train until the steps are done or validation stops improving; write the checkpoint."""
        started = time.perf_counter() - self.progress.seconds
        while self.progress.step < self.total_steps and self.progress.worse < self.config.patience:
            epoch, first = divmod(self.progress.step, self.steps_per_epoch)
            for pairs in self._batches(epoch)[first:]:
                self._train_step(pairs)
                if self._due():
                    self.progress.seconds = time.perf_counter() - started
                    self._validate()
                    if self.progress.worse >= self.config.patience:
                        break
        return self._finish()

    def _batches(self, epoch: int) -> list[list[Pair]]:
        batches = shuffled_batches(
            self.data.pairs, self.config.batch_size, self.config.seed + epoch
        )
        processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        whole = self.steps_per_epoch * processes  # some are repeated, so that all have as many
        return list(islice(cycle(batches), whole))[rank::processes]

    def _train_step(self, pairs: list[Pair]) -> None:
        began = time.perf_counter()
        self.learner.model.train()
        batch = collate(pairs).to(self.accelerator.device)
        loss = self._loss(batch)
        self.accelerator.backward(loss.total)
        if not math.isfinite(value := loss.total.item()):
            raise FloatingPointError(
                f"the loss became {value} at step {self.progress.step}; lower --learning-rate"
            )
        self.learner.step(self._learning_rate())
        self.progress.step += 1
        tokens = int((batch.reply != PAD).sum()) * self.accelerator.num_processes
        rate = tokens / (time.perf_counter() - began)
        if self.accelerator.is_main_process:
            self.reporter.step(self.progress.step, self.total_steps, loss, rate)

    def _loss(self, batch: Batch) -> Loss:
        noise = draw_noise(self.learner.averaged, len(batch.tokens), torch.default_generator)
        share = self.progress.step / self.total_steps
        shown = self.learner.averaged.show_emotion(batch.emotion, share)
        with self.accelerator.autocast():
            memory, logits = self.learner.model(
                batch.tokens, batch.speakers, shown, batch.reply, noise
            )
        if self.data.model_config.objective == "released":
            return released_loss(memory, logits, batch.reply, batch.emotion)
        return cvae_loss(
            memory=memory,
            logits=logits,
            reply=batch.reply,
            soft_label=batch.soft_label,
            weights=self.config.weights,
            progress=share,
        )

    def _learning_rate(self) -> float:
        """Linear warm-up, then half a cosine down to 2% of the peak."""
        step, warmup = self.progress.step + 1, self.config.warmup_steps
        return self.config.learning_rate * warmup_cosine(step, warmup, self.total_steps, 0.02)

    def _due(self) -> bool:
        step = self.progress.step
        return step % self.config.validate_every == 0 or step == self.total_steps

    def _validate(self) -> None:
        with self.accelerator.autocast():
            result = likelihood(
                self.learner.averaged, self.data.validation_pairs, self.data.unknown_types
            )
        best = result.perplexity_example_mean < self.progress.best
        self.progress.worse = 0 if best else self.progress.worse + 1
        if best:
            self.progress.best = result.perplexity_example_mean
            self.learner.keep_best()
        if self.accelerator.is_main_process:
            self._save()
            self.reporter.validation(self.progress.step, result, best)

    def _save(self) -> None:
        groups = self.learner.tensors()
        groups["random"]["torch"] = torch.get_rng_state()
        facts = {"progress": asdict(self.progress), **self._identity()}
        try:
            save_state(self.state_path, groups, facts)
        except WriteError as error:
            kept = "no step is" if self.saved is None else f"the steps up to {self.saved} are"
            again = "repeat the run" if self.saved is None else "--resume goes on there"
            raise WriteError(
                f"{error}; training stops at step {self.progress.step}, {kept} kept: {again}"
            ) from error
        self.saved = self.progress.step

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a run to be resumed."""
        return {
            "model": self.data.model_config.to_dict(),
            "training": asdict(self.config),
            "teacher": self.data.teacher,
            "data": self.data.digest,
            "processes": self.accelerator.num_processes,
        }

    def _restore(self) -> None:
        groups, facts = load_state(self.state_path)
        for name, value in self._identity().items():
            if facts.get(name) != value:
                raise ValueError(
                    f"{self.state_path} is of a run with other {name}: "
                    f"{difference(facts.get(name), value)}; repeat it as it was, or start anew"
                )
        try:
            self._load(groups, facts)
        except (KeyError, TypeError, RuntimeError) as error:
            raise ValueError(
                f"{self.state_path} is not a state of this version ({error!r}); start anew"
            ) from error

    def _load(self, groups: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> None:
        self.progress = Progress(**facts["progress"])
        self.saved = self.progress.step
        self.learner.load(groups)
        torch.set_rng_state(groups["random"]["torch"])

    def _finish(self) -> Likelihood:
        model = self.learner.averaged
        # The figures of the card are those of the weights as they are stored.
        model.load_state_dict({name: t.half().to(t.dtype) for name, t in self.learner.best.items()})
        result = likelihood(model, self.data.validation_pairs, self.data.unknown_types)
        if self.accelerator.is_main_process:
            facts = {"teacher": self.data.teacher, "processes": self.accelerator.num_processes}
            made = Made(len(self.data.pairs), self.progress.step, self.progress.seconds)
            card = model_card(self.data.model_config, self.config, made, result, facts)
            try:
                save_model(self.out, model, self.data.tokenizer, card)
            except WriteError as error:
                raise WriteError(
                    f"{error}; the trained state is kept in {self.state_path}, "
                    "and --resume writes the checkpoint of it"
                ) from error
        return result
