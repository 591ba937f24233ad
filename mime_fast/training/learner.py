"""What a training run changes: weights, their moving average, and the optimiser's state."""

from __future__ import annotations

from typing import cast

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mime_fast.models import create_model
from mime_fast.models.base import ReplyModel, as_word_model, initialise
from mime_fast.training.config import TrainingConfig
from mime_fast.training.data import TrainingData
from mime_fast.training.optimizer import parameter_groups
from mime_fast.training.state import optimizer_tensors, restore_optimizer
from mime_fast.training.vectors import pretrained_vectors


class Learner:
    """A model with random weights, on the device of a run."""

    def __init__(
        self, accelerator: Accelerator, config: TrainingConfig, data: TrainingData
    ) -> None:
        self.accelerator, self.max_grad_norm = accelerator, config.max_grad_norm
        model = as_word_model(create_model(data.model_config))
        initialise(model)
        if config.vectors:
            vectors = pretrained_vectors(data.tokenizer.words, data.model_config.hidden_dim)
            with torch.no_grad():
                model.embedding.weight.copy_(vectors)
        optimizer = torch.optim.AdamW(
            parameter_groups(model, config.weight_decay),
            lr=config.learning_rate,
            betas=(0.9, 0.98),
        )
        self.average = AveragedModel(
            model, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay), use_buffers=False
        ).to(accelerator.device)
        self.keep_best()
        self.model, self.optimizer = accelerator.prepare(model, optimizer)

    @property
    def averaged(self) -> ReplyModel:
        """The model with the averaged weights: what is validated and shipped."""
        return cast("ReplyModel", self.average.module)

    def step(self, learning_rate: float) -> None:
        """Update the weights, and then their average; the gradients are 0 afterwards."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update_parameters(self.accelerator.unwrap_model(self.model))

    def keep_best(self) -> None:
        """Keep a copy of the averaged weights in `best`."""
        self.best = {name: tensor.clone() for name, tensor in self.averaged.state_dict().items()}

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """What load() reads, in groups."""
        return {
            "model": self.accelerator.unwrap_model(self.model).state_dict(),
            "average": self.averaged.state_dict(),
            "best": self.best,
            "optimizer": optimizer_tensors(self.optimizer.optimizer),
            "random": {"updates": self.average.n_averaged},
        }

    def load(self, groups: dict[str, dict[str, Tensor]]) -> None:
        """Go back to the tensors of an earlier run of the same model and options."""
        self.accelerator.unwrap_model(self.model).load_state_dict(groups["model"])
        self.averaged.load_state_dict(groups["average"])
        self.average.n_averaged.copy_(groups["random"]["updates"])
        self.best = groups["best"]
        restore_optimizer(self.optimizer.optimizer, groups["optimizer"])
