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
from benchmarks.peers.torch_cached import modules
from benchmarks.peers.torch_modules import Cache, Cross, DecodeStep, block_specials
from benchmarks.workload import BEAMS, NEW_TOKENS, Request
from mime_fast.checkpoint import Checkpoint
from mime_fast.models.base import pad
from mime_fast.text.tokenizer import SOS

CACHE = [f"cache_{name}" for name in Cache._fields]
CROSS = [f"cross_{name}" for name in Cross._fields]


class StaticStep(nn.Module):
    """A step of so many rows, greedy or of one beam, that attend to so many words."""

    tokens: Tensor
    position: Tensor
    history: Tensor
    scores: Tensor
    cross_keys: Tensor
    cross_values: Tensor
    cross_blocked: Tensor
    cache_keys: Tensor
    cache_values: Tensor
    cache_inner: Tensor
    cache_outer: Tensor

    def __init__(self, decode: DecodeStep, rows: int, source: int, *, beam: bool) -> None:
        super().__init__()
        self.decode, self.beam = decode, beam
        config, device = decode.model.config, decode.arange.device
        shape = (rows, config.num_layers, config.num_heads, source)
        width = config.key_dim // config.num_heads
        first = torch.full((rows,), -torch.inf if beam else 0.0, device=device)
        first[0] = 0  # of a beam, only the first row is there
        buffers = {
            "tokens": torch.full((rows,), SOS, device=device),
            "position": torch.zeros(1, dtype=torch.long, device=device),
            "history": torch.zeros(rows, NEW_TOKENS, dtype=torch.long, device=device),
            "scores": first.clone(),
            "first_scores": first,
            "cross_keys": torch.zeros(*shape, width, device=device),
            "cross_values": torch.zeros(*shape, width, device=device),
            "cross_blocked": torch.zeros(rows, source, dtype=torch.bool, device=device),
            **dict(zip(CACHE, decode.empty_cache(rows), strict=True)),
        }
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor, persistent=False)

    def begin(self, cross: Cross) -> None:
        """The first step is the next one."""
        for name, tensor in zip(CROSS, cross, strict=True):
            self.get_buffer(name).copy_(tensor)
        for name in CACHE:
            self.get_buffer(name).zero_()
        self.tokens.fill_(SOS)
        self.position.zero_()
        self.scores.copy_(self.get_buffer("first_scores"))

    def forward(self) -> Tensor:
        """Choose the next token of each row."""
        cross = Cross(self.cross_keys, self.cross_values, self.cross_blocked)
        old = Cache(self.cache_keys, self.cache_values, self.cache_inner, self.cache_outer)
        logits, cache = self.decode(self.tokens, self.position, cross, old)
        history = self.history
        if self.beam:
            totals = logits.log_softmax(-1) + self.scores[:, None]
            scores, flat = totals.flatten().topk(len(self.scores))
            parents, tokens = flat // totals.shape[1], flat % totals.shape[1]
            cache, history = Cache(*(tensor[parents] for tensor in cache)), history[parents]
            self.scores.copy_(scores)
        else:
            tokens = logits.argmax(-1)
        here = self.decode.arange == self.position
        self.history.copy_(torch.where(here, tokens[:, None], history))
        for name, tensor in zip(CACHE, cache, strict=True):
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
        encode, self._decode = modules(checkpoint, device)
        block_specials(self._decode.model)
        self._encode: Any = build(encode)
        self._steps: dict[tuple[int, int, bool], tuple[StaticStep, Any]] = {}

    def greedy(self, request: Request) -> Tokens:
        return self.batch([request])[0]

    def batch(self, requests: Sequence[Request]) -> list[Tokens]:
        return self._run(requests, len(requests), beam=False)

    def beam(self, request: Request) -> Tokens:
        return self._run([request], BEAMS, beam=True)[0]

    @torch.no_grad()
    def encode_only(self, requests: Sequence[Request]) -> Cross:
        """The encoder's keys and values, in memory that the next call overwrites."""
        arrays = (
            pad([request.dialogue.tokens for request in requests]),
            pad([request.dialogue.speakers for request in requests]),
            torch.from_numpy(np.stack([request.noise for request in requests])),
        )
        self._mark_step()
        cross: Cross = self._encode(*(array.to(self.device) for array in arrays))
        return cross

    @torch.no_grad()
    def _run(self, requests: Sequence[Request], rows: int, *, beam: bool) -> list[Tokens]:
        cross = self.encode_only(requests)
        state, step = self._step(rows, cross.blocked.shape[1], beam=beam)
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

    def _step(self, rows: int, source: int, *, beam: bool) -> tuple[StaticStep, Any]:
        shape = rows, source, beam
        if shape not in self._steps:
            state = StaticStep(self._decode, rows, source, beam=beam)
            self._steps[shape] = state, self._build(state)
        return self._steps[shape]
