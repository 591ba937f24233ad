"""The states of a context encoder that does not learn: computed once, and read in every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from mime_fast.models.mime_base import MimeBase
from mime_fast.training.replies.pairs import Pair, ReplyBatch, collate, fill

POSITIONS = 8000  # of a batch


def placed(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs, each with the place where the states of its context begin."""
    ends = accumulate((len(pair.tokens) for pair in pairs), initial=0)
    return [replace(pair, frozen=start) for pair, start in zip(pairs, ends, strict=False)]


class FrozenStates:
    """States of the contexts of placed pairs, one context after another."""

    def __init__(self, model: MimeBase, pairs: Sequence[Pair]) -> None:
        count = sum(len(pair.tokens) for pair in pairs)
        self.states = torch.empty(count, model.config.hidden_dim, dtype=torch.float16)
        was_training = model.training
        model.eval()
        batches = fill(sorted(pairs, key=lambda pair: len(pair.tokens)), POSITIONS)
        for batch in track(batches, "the encoder reads", console=Console(stderr=True)):
            self._read(model, batch)
        model.train(was_training)

    @torch.inference_mode()
    def _read(self, model: MimeBase, pairs: list[Pair]) -> None:
        batch = collate(pairs).to(model.emotion_embedding.weight.device)
        states = model.encode_context(batch.tokens, batch.speakers, batch.real).half().cpu()
        for pair, row in zip(pairs, states, strict=True):
            length = len(pair.tokens)
            self.states[pair.frozen : pair.frozen + length] = row[:length]

    def of(self, batch: ReplyBatch) -> Tensor:
        """The states of a batch's contexts (batch, length, dim) float32; padding holds any."""
        offsets = torch.arange(batch.tokens.shape[1], device=batch.frozen.device)
        places = (batch.frozen[:, None] + offsets).clamp(max=len(self.states) - 1)
        return self.states[places.cpu()].to(batch.frozen.device).float()
