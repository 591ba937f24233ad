"""The states of a context encoder that does not learn: computed once, and kept for all epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import torch
from torch import Tensor

from mime_fast.models.mime_base import MimeBase
from mime_fast.training.replies.pairs import Pair, ReplyBatch


def placed(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs, each with the place where the states of its context begin."""
    ends = accumulate((len(pair.tokens) for pair in pairs), initial=0)
    return [replace(pair, frozen=start) for pair, start in zip(pairs, ends, strict=False)]


class FrozenStates:
    """States of the contexts of placed pairs, each read when a batch asks for it first."""

    def __init__(self, model: MimeBase, pairs: Sequence[Pair]) -> None:
        self.model = model
        count = sum(len(pair.tokens) for pair in pairs)
        self.states = torch.empty(count, model.config.hidden_dim, dtype=torch.float16)
        self.known = torch.zeros(count, dtype=torch.bool)

    def of(self, batch: ReplyBatch) -> Tensor:
        """The states of a batch's contexts (batch, length, dim) float32; padding holds any."""
        starts = batch.frozen.cpu()
        if not self.known[starts].all():
            self._read(batch, starts)
        offsets = torch.arange(batch.tokens.shape[1])
        places = (starts[:, None] + offsets).clamp(max=len(self.states) - 1)
        return self.states[places].to(batch.frozen.device).float()

    @torch.inference_mode()
    def _read(self, batch: ReplyBatch, starts: Tensor) -> None:
        was_training = self.model.training
        self.model.eval()
        states = self.model.encode_context(batch.tokens, batch.speakers, batch.real).half().cpu()
        self.model.train(was_training)
        for start, row, real in zip(starts, states, batch.real.cpu(), strict=True):
            length = int(real.sum())
            self.states[start : start + length] = row[:length]
            self.known[start] = True
