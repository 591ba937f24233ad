"""The eager engine: the trained PyTorch modules themselves. Its tokens are the definition of right.

Each step runs the decoder over the whole prefix again: no cache that could be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mime_fast.checkpoint import Checkpoint
from mime_fast.config import GenerationConfig
from mime_fast.emotions import NEGATIVE, POSITIVE
from mime_fast.engines.base import Encoded, EncodedArrays
from mime_fast.models import create_model
from mime_fast.models.base import Groups, Memory, ReplyModel, pad
from mime_fast.models.mime import MimeMemory
from mime_fast.search import StepDecoding
from mime_fast.search.rules import TextRules
from mime_fast.types import Dialogue, FloatArray, IntArray


@dataclass
class EagerState:
    """The rows that are being decoded."""

    memory: Memory  # one entry a row
    tokens: Tensor  # (rows, steps) decoder input so far


class EagerEngine:
    """Runs a checkpoint with PyTorch on any device torch has."""

    name = "eager"

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu") -> None:
        self.config = checkpoint.config
        self.device = _usable_device(device)
        if self.device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False  # of convolutions; it is on by default
        self.model = load_model(checkpoint).to(self.device)

    @torch.inference_mode()
    def encode(
        self, dialogues: Sequence[Dialogue], noise: FloatArray, emotion: int | None
    ) -> Encoded:
        """See Engine.encode."""
        tokens = pad([dialogue.tokens for dialogue in dialogues]).to(self.device)
        speakers = pad([dialogue.speakers for dialogue in dialogues]).to(self.device)
        drawn = torch.from_numpy(noise).to(self.device)
        forced = None if emotion is None else torch.full((len(dialogues),), emotion).to(self.device)
        memory = self.model.encode(tokens, speakers, drawn, emotion=forced)
        return _describe(memory)

    def decode(
        self,
        encoded: Encoded,
        options: GenerationConfig,
        seeds: Sequence[int],
        rules: TextRules | None = None,
    ) -> StepDecoding:
        """See Engine.decode."""
        return StepDecoding(self, encoded, options, seeds, rules)

    @torch.inference_mode()
    def start(self, encoded: Encoded, rows: Sequence[int]) -> EagerState:
        """See Engine.start."""
        empty = torch.empty(len(encoded.emotion_logits), 0, dtype=torch.long, device=self.device)
        return self.select(EagerState(encoded.memory, empty), np.asarray(rows))

    @torch.inference_mode()
    def step(self, state: EagerState, tokens: IntArray) -> FloatArray:
        """See Engine.step."""
        newest = torch.from_numpy(tokens).to(self.device)
        state.tokens = torch.cat([state.tokens, newest[:, None]], 1)
        states = self.model.decode(state.tokens, state.memory)
        return _numpy(self.model.output(states[:, -1]))

    @torch.inference_mode()
    def select(self, state: EagerState, rows: IntArray) -> EagerState:
        """See Engine.select."""
        chosen = torch.from_numpy(rows).to(self.device)
        return EagerState(state.memory.select(chosen), state.tokens[chosen])


def _usable_device(name: str) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # unknown; not there, or not in this build
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device {name!r} cannot be used ({reason}); use 'cpu'") from error


def load_model(checkpoint: Checkpoint) -> ReplyModel:
    """The PyTorch model of a checkpoint, in evaluation mode."""
    model = create_model(checkpoint.config)
    tensors = {name: torch.from_numpy(tensor) for name, tensor in checkpoint.tensors.items()}
    if checkpoint.config.tie_embeddings:
        tensors["output.weight"] = tensors["embedding.weight"]
    model.load_state_dict(tensors)
    return model.eval()


def _describe(memory: Memory) -> Encoded:
    rows = len(memory.emotion_logits)
    mixture = memory.mixture or Groups(
        torch.zeros(rows, len(POSITIVE)), torch.zeros(rows, len(NEGATIVE))
    )
    positive = (
        memory.positive if isinstance(memory, MimeMemory) else torch.zeros(rows, dtype=torch.bool)
    )
    return EncodedArrays(
        _numpy(memory.emotion_logits),
        _numpy(mixture.positive),
        _numpy(mixture.negative),
        positive.cpu().numpy(),
        memory,
    )


def _numpy(tensor: Tensor) -> FloatArray:
    return tensor.float().cpu().numpy()
