"""Three steps of the authors' training."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mime_fast.convert import authors_name
from mime_fast.models.mime import Groups, Memory, Mime
from mime_fast.text.tokenizer import PAD
from mime_fast.training.objective import Loss, released_loss
from tests.models.golden import (
    GRADIENT_TOLERANCE,
    RELATIVE,
    TOLERANCE,
    UPDATE_TOLERANCE,
    Golden,
    assert_close,
)


@dataclass(frozen=True)
class Training:
    """Three steps: losses, the first step's state, and what each step had changed by its end."""

    losses: list[Loss]
    memory: Memory
    logits: Tensor
    gradients: dict[str, Tensor]
    changes: list[dict[str, Tensor]]


@pytest.fixture(scope="module")
def training(golden: Golden) -> Training:
    model = golden.model(padding_leak=True).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0, betas=(0.9, 0.98), eps=1e-9)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    steps, changes = [], []
    gradients: dict[str, Tensor] = {}
    for step in range(3):
        optimizer.param_groups[0]["lr"] = float(golden.arrays[f"train{step}_lr"])
        steps.append(train_step(golden, model, step))
        if not gradients:
            gradients = {
                n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None
            }
        optimizer.step()
        optimizer.zero_grad()
        now = dict(model.named_parameters())
        changes.append({name: now[name].detach() - old for name, old in before.items()})
    losses, memories, logits = zip(*steps, strict=True)
    return Training(list(losses), memories[0], logits[0].detach(), gradients, changes)


def train_step(golden: Golden, model: Mime, step: int) -> tuple[Loss, Memory, Tensor]:
    """Forward and backward."""
    reply, emotion = golden.tensor("dec_batch"), golden.tensor("emotion_label")
    noise = [golden.tensor(f"train{step}_eps_prior_{group}") for group in "pn"]
    memory, logits = model(
        golden.tensor("enc_batch"), golden.tensor("mask_input"), emotion, reply, Groups(*noise)
    )
    loss = released_loss(memory, logits, reply, emotion)
    loss.total.backward()
    return Loss(*(value.detach() for value in loss)), memory, logits


@pytest.mark.parametrize("step", range(3))
def test_training_losses(golden: Golden, training: Training, step: int) -> None:
    loss = training.losses[step]
    divergence = golden.arrays[f"train{step}_kl_pos"] + golden.arrays[f"train{step}_kl_neg"]
    nll, perplexity, classification, _ = golden.arrays[f"train{step}_returned_lossppl_ppl_ce_acc"]
    pairs = {
        "total": (loss.total, golden.arrays[f"train{step}_total_loss"]),
        "response": (loss.response, golden.arrays[f"train{step}_loss_label_smoothing_sum"]),
        "divergence": (loss.divergence, divergence),
        "emotion": (loss.emotion, classification),
        "nll": (loss.nll, nll),
        "perplexity": (loss.nll.exp(), perplexity),
    }
    for name, (ours, theirs) in pairs.items():
        assert float(ours) == pytest.approx(float(theirs), rel=RELATIVE), name


def test_training_posterior_and_log_probabilities(golden: Golden, training: Training) -> None:
    posterior = training.memory.posterior
    assert posterior is not None
    ours = {
        "train0_post_mu_p": posterior.positive.mean,
        "train0_post_mu_n": posterior.negative.mean,
        "train0_post_logvar_p": posterior.negative.log_variance,
    }
    assert_close({name: value.detach() for name, value in ours.items()}, golden)
    theirs = golden.tensor("train0_logp")[golden.tensor("dec_batch") != PAD]
    deviation = (functional.log_softmax(training.logits, -1) - theirs).abs().max()
    assert deviation < TOLERANCE


def deviations(ours: dict[str, Tensor], theirs: dict[str, NDArray[Any]]) -> dict[str, float]:
    """By name, the norm of the difference over the authors' norm."""
    relative = {}
    for name, tensor in ours.items():
        golden = torch.from_numpy(theirs[authors_name(name)])
        relative[name] = float((tensor - golden).norm() / golden.norm().clamp(min=1e-12))
    return relative


def test_gradients(golden: Golden, training: Training) -> None:
    theirs = golden.below("gradient")
    assert {authors_name(name) for name in training.gradients} == theirs.keys()
    relative = deviations(training.gradients, theirs)
    assert not {name: d for name, d in relative.items() if not d < GRADIENT_TOLERANCE}


def test_updates_of_three_steps(golden: Golden, training: Training) -> None:
    relative = deviations(training.changes[-1], golden.below("update"))
    assert relative.keys() == dict(golden.model(padding_leak=True).named_parameters()).keys()
    assert not {name: d for name, d in relative.items() if not d < UPDATE_TOLERANCE}


@pytest.mark.parametrize("steps", [0, 2])
def test_fewer_steps_fail_the_test_of_the_updates(
    golden: Golden, training: Training, steps: int
) -> None:
    changes = training.changes[steps - 1]
    changes = changes if steps else {name: torch.zeros_like(c) for name, c in changes.items()}
    relative = deviations(changes, golden.below("update"))
    assert min(relative.values()) > 10 * UPDATE_TOLERANCE
