"""Padding without the leak: an example in a batch is the example alone."""

import torch
from torch import Tensor

from mime_fast.models.base import EncoderMemory, ReplyModel, shift_right
from mime_fast.text.tokenizer import PAD
from tests.models.golden import EXAMPLES, TOLERANCE, Golden


def encode_rows(model: ReplyModel, golden: Golden, rows: slice) -> tuple[EncoderMemory, Tensor]:
    """The memory and log-probabilities of some examples, padded to the longest of them."""
    tokens, reply = golden.tensor("enc_batch")[rows], golden.tensor("dec_batch")[rows]
    length, width = (int((t != PAD).sum(1).max()) for t in (tokens, reply))
    noise = golden.batch_noise("eval_eps")[rows]
    speakers = golden.tensor("mask_input")[rows, :length]
    with torch.no_grad():
        memory = model.encode(tokens[:, :length], speakers, noise)
        states = model.decode(shift_right(reply[:, :width]), memory)
        return memory, model.output(states).log_softmax(-1)


def padding_deviation(golden: Golden, *, padding_leak: bool) -> float:
    """How far the batch is from its examples alone, anywhere that is not padding."""
    model = golden.model(padding_leak=padding_leak)
    batch, batch_log_probs = encode_rows(model, golden, slice(None))
    worst = 0.0
    for i in EXAMPLES:
        alone, log_probs = encode_rows(model, golden, slice(i, i + 1))
        pairs = [
            (alone.context[0], batch.context[i, : alone.context.shape[1]]),
            (alone.emotion_logits[0], batch.emotion_logits[i]),
            *zip(alone.mixture or (), (group[i] for group in batch.mixture or ()), strict=True),
            (log_probs[0], batch_log_probs[i, : log_probs.shape[1]]),
        ]
        worst = max(worst, *(float((a - b).abs().max()) for a, b in pairs))
    return worst


def test_padding_changes_nothing(golden: Golden) -> None:
    assert padding_deviation(golden, padding_leak=False) < TOLERANCE


def test_the_leak_is_what_it_is_called(golden: Golden) -> None:
    assert padding_deviation(golden, padding_leak=True) > 0.01
