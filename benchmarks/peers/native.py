"""mime_fast itself. The only file of the suite that knows how the native engine is called."""

from __future__ import annotations

import numpy as np

from benchmarks.peers.base import SteppingPeer
from benchmarks.peers.engine import EnginePeer
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines import create_engine, layers
from mime_fast.types import FloatArray


def create(checkpoint: Checkpoint, compute_type: str, threads: int) -> SteppingPeer:
    """The engine behind its protocol."""
    del threads  # numpy's are those of the process: OMP_NUM_THREADS, set before it starts
    return EnginePeer(create_engine(checkpoint, engine="native", compute_type=compute_type))


class Ops:
    """The parts of the engine that are timed alone."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.heads, self.weights = checkpoint.config.num_heads, checkpoint.tensors
        self.attention = layers.part(self.weights, "context_encoder.layers.0.attention")

    def project(self, x: FloatArray) -> FloatArray:
        """(rows, dim) -> (rows, vocabulary)."""
        return layers.linear(self.weights, "output", x)

    def attend(self, x: FloatArray) -> FloatArray:
        """The encoder's self-attention with its projections: (length, dim) -> same."""
        return layers.self_attention(self.attention, x, self.heads)

    def fuse(self, mimicking: FloatArray, non_mimicking: FloatArray) -> FloatArray:
        """The gate: two (length, dim) -> (length, dim)."""
        both = np.concatenate([mimicking, non_mimicking], -1)
        gate = layers.sigmoid(layers.linear(self.weights, "fusion.gate", both))
        return layers.linear(self.weights, "fusion.output", gate * both)
