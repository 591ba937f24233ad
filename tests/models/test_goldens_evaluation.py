"""The padded batch in evaluation mode, teacher forcing, with the authors' leak of padding."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mime_fast.models.base import EncoderMemory, ReplyModel, shift_right
from mime_fast.models.layers import MASKED, Attention
from mime_fast.models.mime import Gaussian, MimeMemory
from mime_fast.models.moel import MoelMemory
from mime_fast.text.tokenizer import PAD, SPECIAL_WORDS
from mime_fast.training.objective import Loss, released_loss
from tests.models.golden import RELATIVE, TOLERANCE, Golden, assert_close


def test_conversion_reads_the_options_off_the_tensors(golden: Golden) -> None:
    assert golden.checkpoint.config == golden.expected
    assert golden.checkpoint.tokenizer.words[:9] == [*SPECIAL_WORDS, "w7", "w8"]


@dataclass
class Record:
    """What every module was given and gave, by our name of it."""

    inputs: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def watch(self, model: ReplyModel) -> None:
        for name, module in model.named_modules():
            module.register_forward_hook(self._hook(name))

    def _hook(self, name: str) -> Callable[[Any, tuple[Any, ...], Any], None]:
        def hook(module: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG001
            self.inputs[name], self.outputs[name] = inputs, output

        return hook


@dataclass(frozen=True)
class Evaluation:
    record: Record
    model: ReplyModel
    memory: EncoderMemory
    log_probs: Tensor  # (examples, reply length, vocabulary)
    loss: Loss


@pytest.fixture(scope="module")
def evaluation(golden: Golden) -> Evaluation:
    model, record = golden.model(padding_leak=True), Record()
    record.watch(model)
    reply, emotion = golden.tensor("dec_batch"), golden.tensor("emotion_label")
    with torch.no_grad():
        memory = model.encode(
            golden.tensor("enc_batch"),
            golden.tensor("mask_input"),
            golden.batch_noise("eval_eps"),
            emotion=emotion if golden.expected.mimics else None,
            reply=reply,
        )
        logits = model.output(model.decode(shift_right(reply), memory))
        loss = released_loss(memory, logits[reply != PAD], reply, emotion)
    return Evaluation(record, model, memory, logits.log_softmax(-1), loss)


def test_intermediates_of_the_padded_batch(golden: Golden, evaluation: Evaluation) -> None:
    inputs, outputs, memory = evaluation.record.inputs, evaluation.record.outputs, evaluation.memory
    ours = {
        "eval_encoder_outputs": outputs["context_encoder"],
        "eval_q_h": inputs["emotion_classifier"][0],
        "eval_emotion_logits": memory.emotion_logits,
        "eval_decoder_out": outputs["decoder"],
        "eval_logp": evaluation.log_probs,
    }
    if isinstance(memory, MimeMemory):
        ours |= intermediates_of_mime(golden, evaluation.record, memory)
    separately = {"eval_attn_dist", *evaluation_sums(evaluation, golden)}
    noise = {"eval_eps_p", "eval_eps_n"}
    wanted = {name for name in golden.arrays if name.startswith("eval_")} - noise
    assert ours.keys() | separately == wanted
    assert_close(ours, golden)


def intermediates_of_mime(golden: Golden, record: Record, memory: MimeMemory) -> dict[str, Any]:
    assert memory.mixture is not None
    positive, negative = memory.prior
    dim, other = golden.expected.hidden_dim, "non_mimicking_response_encoder"
    return {
        "eval_s_weight_out": record.outputs["emotion_classifier"],
        "eval_mu_p": positive.mean,
        "eval_mu_n": negative.mean,
        "eval_logvar_p": negative.log_variance,
        "eval_E_prob_p": memory.mixture.positive,
        "eval_E_prob_n": memory.mixture.negative,
        "eval_emotions_mimic": record.inputs["response_encoder"][0][:, 0, dim:],
        "eval_emotions_non_mimic": record.inputs[other][0][:, 0, dim:],
        "eval_m_out": record.outputs["response_encoder"],
        "eval_m_tilde_out": record.outputs[other],
        "eval_v": memory.context,
    }


def test_cross_attention_of_the_last_layer(golden: Golden, evaluation: Evaluation) -> None:
    name = f"decoder.layers.{golden.expected.num_layers - 1}.cross_attention"
    queries, keys, blocked = evaluation.record.inputs[name]
    attention = evaluation.model.get_submodule(name)
    assert isinstance(attention, Attention)
    with torch.no_grad():
        query, key = (
            attention._split(attention.query(queries)),
            attention._split(attention.key(keys)),
        )
        logits = (query @ key.transpose(-1, -2)) * query.shape[-1] ** -0.5
        average = logits.masked_fill(blocked[:, None], MASKED).mean(1)
    theirs = golden.tensor("eval_attn_dist")
    assert torch.equal(theirs < MASKED / 2, average < MASKED / 2)
    seen = theirs > MASKED / 2
    assert (average - theirs)[seen].abs().max() < TOLERANCE


def test_every_traced_module(golden: Golden, evaluation: Evaluation) -> None:
    ours = {f"{golden.names(name)}/0": name for name in evaluation.record.outputs}
    traced = golden.below("trace")
    compared = [name for name in traced if name in ours or not is_silent(evaluation, name)]
    assert len(compared) > 20
    worst = {}
    for name in compared:
        output, heard = evaluation.record.outputs[ours[name]], rows_heard(evaluation, name)
        theirs = torch.from_numpy(traced[name])[heard]  # of the meta listener up to 30
        worst[name] = float((output - theirs).abs().max() / theirs.abs().max().clamp(min=1))
    assert not {name: deviation for name, deviation in worst.items() if not deviation <= TOLERANCE}


def rows_heard(evaluation: Evaluation, name: str) -> Tensor:
    """The examples that a module is run on: listeners that do not count for one are left out."""
    listener = re.match(r"decoder\.experts\.(\d+)[./]", name)
    if listener is None:
        return torch.arange(len(evaluation.log_probs))
    assert isinstance(evaluation.memory, MoelMemory)
    return evaluation.memory.listeners[:, int(listener[1])].nonzero().squeeze(1)


def is_silent(evaluation: Evaluation, name: str) -> bool:
    return len(rows_heard(evaluation, name)) == 0


def standard_normal_divergence(latent: Gaussian) -> Tensor:
    """KL to N(0, 1), summed: what the released code reports when it evaluates."""
    mean, log_variance = latent
    return (log_variance.exp() + mean.square() - log_variance - 1).sum() / 2


def evaluation_sums(evaluation: Evaluation, golden: Golden) -> dict[str, list[Tensor]]:
    loss = evaluation.loss
    divergences = {}
    if isinstance(evaluation.memory, MimeMemory):
        groups = zip(("pos", "neg"), evaluation.memory.prior, strict=True)
        divergences = {f"eval_kl_{n}": [standard_normal_divergence(g)] for n, g in groups}
    predicted = evaluation.memory.emotion_logits.argmax(-1)
    accuracy = (predicted == golden.tensor("emotion_label")).double().mean()
    return {
        "eval_loss_label_smoothing_sum": [loss.response],
        **divergences,
        "eval_returned_lossppl_ppl_ce_acc": [loss.nll, loss.nll.exp(), loss.emotion, accuracy],
    }


def test_sums_of_the_padded_batch(golden: Golden, evaluation: Evaluation) -> None:
    for name, numbers in evaluation_sums(evaluation, golden).items():
        theirs = np.atleast_1d(golden.arrays[name]).tolist()
        assert [float(number) for number in numbers] == pytest.approx(theirs, rel=RELATIVE), name
