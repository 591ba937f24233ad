"""The authors' way of decoding: no cache, every step runs the decoder over the whole prefix.

Written by us from their code: they also project every position of the prefix onto the vocabulary
and normalise it, and read the last one. They run 51 steps whatever the reply; this runs as many as
the others.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.peers.search import SearchingPeer
from benchmarks.peers.torch_modules import block_specials
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines.eager import load_word_model
from mime_fast.models.base import EncoderMemory


class State(NamedTuple):
    """The fused context and the decoder's input so far, one entry a row."""

    memory: EncoderMemory
    tokens: Tensor  # (rows, steps)


class Authors(SearchingPeer):
    """Eager PyTorch, without a cache."""

    gives_log_probs = True

    def __init__(self, checkpoint: Checkpoint, threads: int, device: str = "cpu") -> None:
        super().__init__(threads, device)
        self.model = load_word_model(checkpoint).to(self.device)
        block_specials(self.model)  # before they are normalised

    def encode(self, tokens: Tensor, speakers: Tensor, noise: Tensor) -> State:
        memory = self.model.encode(tokens, speakers, noise)
        return State(memory, tokens.new_empty(len(tokens), 0))

    def step(self, state: State, tokens: Tensor, position: int) -> tuple[Tensor, State]:  # noqa: ARG002 - the prefix has its length
        state = State(state.memory, torch.cat([state.tokens, tokens[:, None]], 1))
        states = self.model.decode(state.tokens, state.memory)
        return self.model.output(states).log_softmax(-1)[:, -1], state

    def select(self, state: State, rows: Tensor) -> State:
        return State(state.memory.select(rows), state.tokens[rows])
