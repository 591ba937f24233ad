"""The training loop: epochs of batches, validation, early stopping, resume."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, set_seed
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mime_fast.config import ModelConfig
from mime_fast.files import WriteError
from mime_fast.likelihood.pairs import Batch, Pair, collate, encode_pairs
from mime_fast.likelihood.perplexity import Likelihood, count_unknown_types, draw_noise, likelihood
from mime_fast.models import create_model, model_class
from mime_fast.models.base import ReplyModel, as_word_model, initialise
from mime_fast.text.examples import load_parts
from mime_fast.text.tokenizer import PAD, Tokenizer
from mime_fast.training.checks import check_options, difference
from mime_fast.training.config import TrainingConfig
from mime_fast.training.data import learn_vocabulary, shuffled_batches, soften
from mime_fast.training.export import Made, model_card, save_model
from mime_fast.training.objective import Loss, cvae_loss, released_loss
from mime_fast.training.optimizer import parameter_groups, warmup_cosine
from mime_fast.training.state import (
    digest,
    load_state,
    optimizer_tensors,
    restore_optimizer,
    save_state,
)
from mime_fast.training.target import check_room, check_target, state_path
from mime_fast.training.teacher import load_teacher
from mime_fast.training.vectors import pretrained_vectors


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
        self.accelerator = Accelerator(
            mixed_precision=config.mixed_precision,
            # Else processes without a GPU train the same thing side by side (accelerate 1.15).
            cpu=not torch.cuda.is_available(),
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=is_sparse)],
        )
        set_seed(config.seed)
        examples, validation = load_parts(data)
        taught = None if teacher is None else load_teacher(teacher, examples)
        self.tokenizer = Tokenizer.from_words(learn_vocabulary(examples, config.min_count))
        self.model_config = ModelConfig.from_dict(
            {"vocab_size": self.tokenizer.vocab_size, "tie_embeddings": True, **model_options}
        )
        positions = self.model_config.max_positions
        self.pairs = encode_pairs(self.tokenizer, examples, positions)
        self.validation_pairs = encode_pairs(self.tokenizer, validation, positions)
        words = (word for e in validation for word in self.tokenizer.tokenize(e.target))
        self.unknown_types = count_unknown_types(words, set(self.tokenizer.words))
        self.digest = digest(self.tokenizer.words, self.pairs, self.validation_pairs)
        self.teacher = "none" if taught is None else f"digest {digest(taught.tolist())}"
        if taught is not None:
            self.pairs = soften(self.pairs, taught, config.teacher_share)
        self.progress = Progress()
        self.saved: int | None = None  # the step of the state that is kept
        self._build()
        check_room(self.state_path, self.averaged)
        if resume:
            self._restore()

    def _build(self) -> None:
        config = self.config
        model = as_word_model(create_model(self.model_config))
        initialise(model)
        if config.vectors:
            words = self.tokenizer.words
            with torch.no_grad():
                model.embedding.weight.copy_(
                    pretrained_vectors(words, self.model_config.hidden_dim)
                )
        optimizer = torch.optim.AdamW(
            parameter_groups(model, config.weight_decay),
            lr=config.learning_rate,
            betas=(0.9, 0.98),
        )
        self.average = AveragedModel(
            model, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay), use_buffers=False
        ).to(self.accelerator.device)
        self.best = {name: tensor.clone() for name, tensor in self.averaged.state_dict().items()}
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)

    @property
    def averaged(self) -> ReplyModel:
        """The model with the averaged weights: what is validated and shipped."""
        return cast("ReplyModel", self.average.module)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps an epoch, each of batch_size pairs in every process."""
        share = self.config.batch_size * self.accelerator.num_processes
        return math.ceil(len(self.pairs) / share)

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
        batches = shuffled_batches(self.pairs, self.config.batch_size, self.config.seed + epoch)
        processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        whole = self.steps_per_epoch * processes  # some are repeated, so that all have as many
        return list(islice(cycle(batches), whole))[rank::processes]

    def _train_step(self, pairs: list[Pair]) -> None:
        began = time.perf_counter()
        self.model.train()
        batch = collate(pairs).to(self.accelerator.device)
        loss = self._loss(batch)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self.accelerator.backward(loss.total)
        if not math.isfinite(value := loss.total.item()):
            raise FloatingPointError(
                f"the loss became {value} at step {self.progress.step}; lower --learning-rate"
            )
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update_parameters(self.accelerator.unwrap_model(self.model))
        self.progress.step += 1
        tokens = int((batch.reply != PAD).sum()) * self.accelerator.num_processes
        rate = tokens / (time.perf_counter() - began)
        if self.accelerator.is_main_process:
            self.reporter.step(self.progress.step, self.total_steps, loss, rate)

    def _loss(self, batch: Batch) -> Loss:
        noise = draw_noise(self.averaged, len(batch.tokens), torch.default_generator)
        share = self.progress.step / self.total_steps
        shown = self.averaged.show_emotion(batch.emotion, share)
        with self.accelerator.autocast():
            memory, logits = self.model(batch.tokens, batch.speakers, shown, batch.reply, noise)
        if self.model_config.objective == "released":
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
            result = likelihood(self.averaged, self.validation_pairs, self.unknown_types)
        best = result.perplexity_example_mean < self.progress.best
        self.progress.worse = 0 if best else self.progress.worse + 1
        if best:
            self.progress.best = result.perplexity_example_mean
            weights = self.averaged.state_dict()
            self.best = {name: tensor.clone() for name, tensor in weights.items()}
        if self.accelerator.is_main_process:
            self._save()
            self.reporter.validation(self.progress.step, result, best)

    def _save(self) -> None:
        groups = {
            "model": self.accelerator.unwrap_model(self.model).state_dict(),
            "average": self.averaged.state_dict(),
            "best": self.best,
            "optimizer": optimizer_tensors(self.optimizer.optimizer),
            "random": {"torch": torch.get_rng_state(), "updates": self.average.n_averaged},
        }
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
            "model": self.model_config.to_dict(),
            "training": asdict(self.config),
            "teacher": self.teacher,
            "data": self.digest,
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
        self.accelerator.unwrap_model(self.model).load_state_dict(groups["model"])
        self.averaged.load_state_dict(groups["average"])
        self.average.n_averaged.copy_(groups["random"]["updates"])
        self.best = groups["best"]
        restore_optimizer(self.optimizer.optimizer, groups["optimizer"])
        torch.set_rng_state(groups["random"]["torch"])

    def _finish(self) -> Likelihood:
        model = self.averaged
        # The figures of the card are those of the weights as they are stored.
        model.load_state_dict({name: t.half().to(t.dtype) for name, t in self.best.items()})
        result = likelihood(model, self.validation_pairs, self.unknown_types)
        if self.accelerator.is_main_process:
            facts = {"teacher": self.teacher, "processes": self.accelerator.num_processes}
            made = Made(len(self.pairs), self.progress.step, self.progress.seconds)
            card = model_card(self.model_config, self.config, made, result, facts)
            try:
                save_model(self.out, model, self.tokenizer, card)
            except WriteError as error:
                raise WriteError(
                    f"{error}; the trained state is kept in {self.state_path}, "
                    "and --resume writes the checkpoint of it"
                ) from error
        return result
