"""PyTorch compiled for a GPU, as gpt-fast does it: a step reads and writes buffers that stay.

So torch.compile(mode="reduce-overhead") makes one CUDA graph of a step, choice of the token
included. The host asks for one replay a token, and waits once, for the whole reply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.peers.base import Tokens
from benchmarks.peers.torch_cached import modules_of_any
from benchmarks.workload import BEAMS, NEW_TOKENS, Request
from mime_fast.checkpoint import Checkpoint
from mime_fast.models.base import pad
from mime_fast.text.tokenizer import SOS


class StaticStep(nn.Module):
    """A step of so many rows, greedy or of one beam, that attend to contexts of one length."""

    tokens: Tensor
    position: Tensor
    history: Tensor
    scores: Tensor

    def __init__(self, decode: Any, rows: int, cross: Any, *, beam: bool) -> None:
        """cross: that of any requests with contexts of this length; a named tuple."""
        super().__init__()
        self.decode, self.beam = decode, beam
        device = decode.arange.device
        first = torch.full((rows,), -torch.inf if beam else 0.0, device=device)
        first[0] = 0  # of a beam, only the first row is there
        cache = decode.empty_cache(rows)
        self._cross_type, self._cache_type = type(cross), type(cache)
        self._cross = [f"cross_{name}" for name in cross._fields]
        self._cache = [f"cache_{name}" for name in cache._fields]
        own = [tensor.new_zeros(rows, *tensor.shape[1:]) for tensor in cross]
        buffers = {
            "tokens": torch.full((rows,), SOS, device=device),
            "position": torch.zeros(1, dtype=torch.long, device=device),
            "history": torch.zeros(rows, NEW_TOKENS, dtype=torch.long, device=device),
            "scores": first.clone(),
            "first_scores": first,
            **dict(zip(self._cross, own, strict=True)),
            **dict(zip(self._cache, cache, strict=True)),
        }
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor, persistent=False)

    def begin(self, cross: Any) -> None:
        """The first step is the next one."""
        for name, tensor in zip(self._cross, cross, strict=True):
            self.get_buffer(name).copy_(tensor)
        for name in self._cache:
            self.get_buffer(name).zero_()
        self.tokens.fill_(SOS)
        self.position.zero_()
        self.scores.copy_(self.get_buffer("first_scores"))

    def forward(self) -> Tensor:
        """Choose the next token of each row."""
        cross = self._cross_type(*[getattr(self, name) for name in self._cross])
        old = self._cache_type(*[getattr(self, name) for name in self._cache])
        logits, cache = self.decode(self.tokens, self.position, cross, old)
        history = self.history
        if self.beam:
            totals = logits.log_softmax(-1) + self.scores[:, None]
            scores, flat = totals.flatten().topk(len(self.scores))
            parents, tokens = flat // totals.shape[1], flat % totals.shape[1]
            cache, history = [tensor[parents] for tensor in cache], history[parents]
            self.scores.copy_(scores)
        else:
            tokens = logits.argmax(-1)
        here = self.decode.arange == self.position
        self.history.copy_(torch.where(here, tokens[:, None], history))
        for name, tensor in zip(self._cache, cache, strict=True):
            getattr(self, name).copy_(tensor)
        self.tokens.copy_(tokens)
        self.position.add_(1)
        return tokens


def reduce_overhead(module: nn.Module) -> Any:
    """What torch offers for steps that are short."""
    return torch.compile(module, mode="reduce-overhead", fullgraph=True, dynamic=False)


class StaticPeer:
    """Compiled for each number of rows and length of context when it first sees them."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str,
        build: Callable[[nn.Module], Any] = reduce_overhead,
    ) -> None:
        self.device, self._build = device, build
        encode, self._decode = modules_of_any(checkpoint, device, blocks=True)
        self._encode: Any = build(encode)
        self._steps: dict[tuple[int, int, bool], tuple[StaticStep, Any]] = {}

    def greedy(self, request: Request) -> Tokens:
        return self.batch([request])[0]

    def batch(self, requests: Sequence[Request]) -> list[Tokens]:
        return self._run(requests, len(requests), beam=False)

    def beam(self, request: Request) -> Tokens:
        return self._run([request], BEAMS, beam=True)[0]

    @torch.no_grad()
    def encode_only(self, requests: Sequence[Request]) -> Any:
        """The encoder's keys and values, in memory that the next call overwrites."""
        arrays = (
            pad([request.dialogue.tokens for request in requests]),
            pad([request.dialogue.speakers for request in requests]),
            torch.from_numpy(np.stack([request.noise for request in requests])),
        )
        self._mark_step()
        return self._encode(*(array.to(self.device) for array in arrays))

    @torch.no_grad()
    def _run(self, requests: Sequence[Request], rows: int, *, beam: bool) -> list[Tokens]:
        cross = self.encode_only(requests)
        state, step = self._step(rows, cross, beam=beam)
        state.begin(cross)
        del cross
        for _ in range(NEW_TOKENS):
            self._mark_step()
            step()
        chosen: list[Tokens] = state.history.tolist()
        return chosen

    def _mark_step(self) -> None:
        """What the graphs returned before may be overwritten."""
        if self.device != "cpu":
            torch.compiler.cudagraph_mark_step_begin()

    def _step(self, rows: int, cross: Any, *, beam: bool) -> tuple[StaticStep, Any]:
        shape = rows, cross.blocked.shape[1], beam
        if shape not in self._steps:
            state = StaticStep(self._decode, rows, cross, beam=beam)
            self._steps[shape] = state, self._build(state)
        return self._steps[shape]
