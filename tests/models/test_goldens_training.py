"""Three steps of the authors' training."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mime_fast.models.base import EncoderMemory, ReplyModel
from mime_fast.models.mime import MimeMemory
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
    memory: EncoderMemory
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
        for parameter in model.parameters():
            if parameter.grad is None:  # of a listener that no example heard: there it is 0
                parameter.grad = torch.zeros_like(parameter)
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


def train_step(golden: Golden, model: ReplyModel, step: int) -> tuple[Loss, EncoderMemory, Tensor]:
    """Forward and backward."""
    reply, emotion = golden.tensor("dec_batch"), golden.tensor("emotion_label")
    memory, logits = model(
        golden.tensor("enc_batch"),
        golden.tensor("mask_input"),
        emotion if golden.expected.mimics else None,
        reply,
        golden.batch_noise(f"train{step}_eps_prior"),
    )
    loss = released_loss(memory, logits, reply, emotion)
    loss.total.backward()
    return Loss(*(value.detach() for value in loss)), memory, logits


@pytest.mark.parametrize("step", range(3))
def test_training_losses(golden: Golden, training: Training, step: int) -> None:
    loss = training.losses[step]
    divergence = sum(golden.arrays.get(f"train{step}_kl_{group}", 0) for group in ("pos", "neg"))
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
    if isinstance(training.memory, MimeMemory):
        assert training.memory.posterior is not None
        positive, negative = training.memory.posterior
        ours = {
            "train0_post_mu_p": positive.mean,
            "train0_post_mu_n": negative.mean,
            "train0_post_logvar_p": negative.log_variance,
        }
        assert_close({name: value.detach() for name, value in ours.items()}, golden)
    theirs = golden.tensor("train0_logp")[golden.tensor("dec_batch") != PAD]
    deviation = (functional.log_softmax(training.logits, -1) - theirs).abs().max()
    assert deviation < TOLERANCE


def deviations(golden: Golden, kind: str, ours: dict[str, Tensor]) -> dict[str, float]:
    """By name, the norm of the difference over the authors' norm."""
    theirs, relative = golden.below(kind), {}
    for name, tensor in ours.items():
        wanted = torch.from_numpy(theirs[golden.names(name)])
        relative[name] = float((tensor - wanted).norm() / wanted.norm().clamp(min=1e-12))
    return relative


def test_gradients(golden: Golden, training: Training) -> None:
    theirs = golden.below("gradient")
    assert {golden.names(name) for name in training.gradients} == theirs.keys()
    relative = deviations(golden, "gradient", training.gradients)
    assert not {name: d for name, d in relative.items() if not d < GRADIENT_TOLERANCE}


def test_updates_of_three_steps(golden: Golden, training: Training) -> None:
    relative = deviations(golden, "update", training.changes[-1])
    assert relative.keys() == dict(golden.model(padding_leak=True).named_parameters()).keys()
    assert not {name: d for name, d in relative.items() if not d < UPDATE_TOLERANCE}


@pytest.mark.parametrize("steps", [0, 2])
def test_fewer_steps_fail_the_test_of_the_updates(
    golden: Golden, training: Training, steps: int
) -> None:
    changes = training.changes[steps - 1]
    changes = changes if steps else {name: torch.zeros_like(c) for name, c in changes.items()}
    moved = {n: c for n, c in changes.items() if training.changes[-1][n].any()}
    relative = deviations(golden, "update", moved)
    assert min(relative.values()) > 10 * UPDATE_TOLERANCE
