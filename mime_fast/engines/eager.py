"""The eager engine: the trained PyTorch modules themselves. Its tokens are the definition of right.

Each step runs the decoder over the whole prefix again: no cache that could be wrong. Large batches
are computed in pieces: Python handles signals between two operations of torch, not within one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from mime_fast.checkpoint import Checkpoint
from mime_fast.config import GenerationConfig
from mime_fast.emotions import NEGATIVE, POSITIVE
from mime_fast.engines.base import EncoderArrays, EncoderBatch
from mime_fast.engines.exit_gate import calls_torch, sleep_if_ending
from mime_fast.engines.stepwise import StepwiseSession
from mime_fast.models import create_model
from mime_fast.models.base import (
    EncoderDecoder,
    EncoderMemory,
    Groups,
    ReplyModel,
    as_word_model,
    pad,
)
from mime_fast.search.rules import TextRules
from mime_fast.spare_threads import limit_torch_threads
from mime_fast.types import Dialogue, FloatArray, IntArray

# The largest piece: rows, and rows times their length. An operation on it takes some milliseconds.
MOST_PIECE_ROWS = 64
MOST_PIECE_POSITIONS = 4096


@dataclass
class EagerState:
    """The rows that are being decoded."""

    memory: EncoderMemory  # one entry a row
    tokens: Tensor  # (rows, steps) decoder input so far


class EagerEngine:
    """Runs a checkpoint with PyTorch on any device torch has."""

    name = "eager"

    @calls_torch
    def __init__(self, checkpoint: Checkpoint, device: str = "cpu") -> None:
        self.config, self.compute_type = checkpoint.config, "float32"
        limit_torch_threads()
        self.device = _usable_device(device)
        if self.device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False  # of convolutions; it is on by default
        self.model = load_model(checkpoint).to(self.device)

    @calls_torch
    @torch.inference_mode()
    def encode(
        self, dialogues: Sequence[Dialogue], noise: FloatArray, emotion: int | None
    ) -> EncoderBatch:
        """Encode in pieces, each padded to the longest of its dialogues."""
        pieces = _pieces([len(dialogue.tokens) for dialogue in dialogues])
        return _join([self._encode(dialogues[p], noise[p], emotion) for p in pieces])

    def _encode(
        self, dialogues: Sequence[Dialogue], noise: FloatArray, emotion: int | None
    ) -> EncoderArrays:
        sleep_if_ending()
        tokens = pad([dialogue.tokens for dialogue in dialogues]).to(self.device)
        speakers = pad([dialogue.speakers for dialogue in dialogues]).to(self.device)
        drawn = torch.from_numpy(noise).to(self.device)
        forced = None if emotion is None else torch.full((len(dialogues),), emotion).to(self.device)
        return _describe(self.model.encode(tokens, speakers, drawn, emotion=forced))

    def decode(
        self,
        encoded: EncoderBatch,
        options: GenerationConfig,
        seeds: Sequence[int],
        rules: TextRules | None = None,
    ) -> StepwiseSession:
        """A session in which each step computes all logits, and the searches read them."""
        return StepwiseSession(self, encoded, options, seeds, rules)

    @calls_torch
    @torch.inference_mode()
    def start(self, encoded: EncoderBatch, rows: Sequence[int]) -> EagerState:
        """A decode state with one row for each entry: the number of its dialogue."""
        empty = torch.empty(len(rows), 0, dtype=torch.long, device=self.device)
        return EagerState(self._gather(encoded.memory, rows), empty)

    def _gather(self, parts: Sequence[EncoderMemory], rows: Sequence[int]) -> EncoderMemory:
        """The rows, in this order, of a memory in parts."""
        ends = np.cumsum([len(part.context) for part in parts])
        owners = np.searchsorted(ends, rows, side="right")
        found = []
        for owner, group in groupby(zip(owners.tolist(), rows, strict=True), lambda pair: pair[0]):
            part = parts[owner]
            first = int(ends[owner]) - len(part.context)
            inside = torch.tensor([row - first for _, row in group], device=self.device)
            found.append(part.select(inside))
        return found[0].join(found)

    @calls_torch
    @torch.inference_mode()
    def step(self, state: EagerState, tokens: IntArray) -> FloatArray:
        """Feed one token a row; logits (rows, vocabulary) of the next."""
        newest = torch.from_numpy(tokens).to(self.device)
        state.tokens = torch.cat([state.tokens, newest[:, None]], 1)
        pieces = _pieces([state.tokens.shape[1]] * len(tokens))
        return np.concatenate([self._logits(state, piece) for piece in pieces])

    def _logits(self, state: EagerState, rows: slice) -> FloatArray:
        sleep_if_ending()
        inside = torch.arange(len(state.tokens), device=self.device)[rows]
        states = self.model.decode(state.tokens[rows], state.memory.select(inside))
        return _numpy(self.model.project(states[:, -1]))

    @calls_torch
    @torch.inference_mode()
    def select(self, state: EagerState, rows: IntArray) -> EagerState:
        """A new state of these rows, in this order."""
        chosen = torch.from_numpy(rows).to(self.device)
        return EagerState(state.memory.select(chosen), state.tokens[chosen])


def _pieces(lengths: Sequence[int]) -> list[slice]:
    """Neighbouring rows that are computed together, padded to the longest of each piece."""
    pieces, first, longest = [], 0, 0
    for row, length in enumerate(lengths):
        longest = max(longest, length)
        rows = row + 1 - first
        is_full = rows > MOST_PIECE_ROWS or rows * longest > MOST_PIECE_POSITIONS
        if row > first and is_full:
            pieces.append(slice(first, row))
            first, longest = row, length
    return [*pieces, slice(first, len(lengths))]


def _join(parts: Sequence[EncoderArrays]) -> EncoderArrays:
    """The memory stays in parts: a copy of all would take long."""
    return EncoderArrays(
        np.concatenate([part.emotion_logits for part in parts]),
        np.concatenate([part.positive_mixture for part in parts]),
        np.concatenate([part.negative_mixture for part in parts]),
        np.concatenate([part.mimics_positive for part in parts]),
        [part.memory for part in parts],
    )


def _usable_device(name: str) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # unknown; not there, or not in this build
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device {name!r} cannot be used ({reason}); use 'cpu'") from error


def load_model(checkpoint: Checkpoint) -> EncoderDecoder:
    """The PyTorch model of a checkpoint, in evaluation mode."""
    model = create_model(checkpoint.config)
    tensors = {name: torch.from_numpy(tensor) for name, tensor in checkpoint.tensors.items()}
    if checkpoint.config.tie_embeddings:
        tensors["output.weight"] = tensors["embedding.weight"]
    model.load_state_dict(tensors)
    return model.eval()


def load_word_model(checkpoint: Checkpoint) -> ReplyModel:
    """The same of a system over words; ValueError: the checkpoint is of another."""
    return as_word_model(load_model(checkpoint))


def _describe(memory: EncoderMemory) -> EncoderArrays:
    rows = len(memory.emotion_logits)
    mixture = memory.mixture or Groups(
        torch.zeros(rows, len(POSITIVE)), torch.zeros(rows, len(NEGATIVE))
    )
    return EncoderArrays(
        _numpy(memory.emotion_logits),
        _numpy(mixture.positive),
        _numpy(mixture.negative),
        memory.mimics_positive.cpu().numpy(),
        memory,
    )


def _numpy(tensor: Tensor) -> FloatArray:
    return tensor.float().cpu().numpy()
