"""The machine's limits, measured, and what they mean for a step, a reply, an op.

A floor is the larger of the time to read the weights once a step and the time for the arithmetic.
It counts nothing else: no synchronisation, no dependency, no Python.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from benchmarks.workload import CONTEXT, NEW_TOKENS
from mime_fast.config import ModelConfig

ROOT = Path(__file__).resolve().parent.parent
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}


@dataclass(frozen=True)
class Floors:
    """What one process with that many threads can reach at best."""

    threads: int
    instructions: str
    peak_per_core: dict[str, float]  # operations a second; 0: no such instruction
    read: list[tuple[float, float]]  # (working set in bytes, bytes a second of all threads)

    @classmethod
    def measure(cls, threads: int, seconds: float) -> Self:
        """Build floors.cc and run it; `seconds` for each of its measurements."""
        command = [str(_build()), str(threads), str(seconds)]
        values: dict[str, Any] = json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout
        )
        return cls(**{**values, "read": [(size, rate) for size, rate in values["read"]]})

    def seconds(self, macs: float, weights: float, precision: str) -> float:
        """The least time for that many multiply-adds over that many weights."""
        return max(self._arithmetic(macs, precision), self._reading(weights * BYTES[precision]))

    def _arithmetic(self, macs: float, precision: str) -> float:
        peak = self.peak_per_core.get(precision) or self.peak_per_core["float32"]
        return 2 * macs / (peak * self.threads)

    def _reading(self, size: float) -> float:
        sizes, rates = zip(*self.read, strict=True)
        return size / float(np.interp(np.log(size), np.log(sizes), rates))


def _build() -> Path:
    source, program = ROOT / "benchmarks" / "floors.cc", ROOT / "build" / "bench" / "floors"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        program.parent.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CXX", "g++")
        command = [compiler, "-std=c++17", "-O3", "-pthread", str(source), "-o", str(program)]
        subprocess.run(command, check=True)
    return program


def projection_weights(config: ModelConfig) -> int:
    """Work of the projection onto the vocabulary."""
    return config.vocab_size * config.hidden_dim


def layer_weights(config: ModelConfig) -> int:
    """Work of the decoder for one token; `projection` can be folded into the embedding."""
    attention = 4 * config.hidden_dim * config.key_dim
    cross = 2 * config.hidden_dim * config.key_dim  # keys and values are there since the start
    convolutions = 2 * 3 * config.hidden_dim * config.filter_dim
    return config.num_layers * (attention + cross + convolutions)


def context_weights(config: ModelConfig) -> int:
    """Work of all that reads the context once a request, in the cheapest form that is the same.

    Words are projected in their table, emotions once a request. A response encoder that is shared
    projects the context once, and the fusion's output can be folded into the cross-attention.
    """
    dim, pairs = config.hidden_dim, config.num_layers * 2 * config.key_dim
    layer = 4 * dim * config.key_dim + 6 * dim * config.filter_dim
    projections = (1 if config.shared_response_encoder else 2) * dim * dim
    memory = min(pairs * 2 * dim, dim * 2 * dim + pairs * dim)
    return 3 * config.num_layers * layer + projections + 4 * dim * dim + memory


def fusion_weights(config: ModelConfig) -> int:
    """Work of the fusion by itself: its gate and its output."""
    return 6 * config.hidden_dim * config.hidden_dim


@dataclass(frozen=True)
class Work:
    """What a contestant's weights are kept in, and how much it encodes."""

    projection: str = "float32"
    rest: str = "float32"
    context: float = 1.0  # times our arithmetic for a token of context


FLOAT32 = Work()


def encode_seconds(
    floors: Floors, config: ModelConfig, work: Work, *, requests: int = 1, context: int = CONTEXT
) -> float:
    """Everything before the first step."""
    weights = work.context * context_weights(config)
    return floors.seconds(requests * context * weights, weights, work.rest)


def step_seconds(floors: Floors, config: ModelConfig, work: Work, rows: int = 1) -> float:
    """One decoding step of that many rows."""
    projection, layer = projection_weights(config), layer_weights(config)
    return floors.seconds(rows * projection, projection, work.projection) + floors.seconds(
        rows * layer, layer, work.rest
    )


def reply_seconds(
    floors: Floors,
    config: ModelConfig,
    work: Work,
    *,
    requests: int = 1,
    beams: int = 1,
    context: int = CONTEXT,
) -> float:
    """Encoding, and NEW_TOKENS steps; a beam's first step has one row."""
    encode = encode_seconds(floors, config, work, requests=requests, context=context)
    rows = [requests] + [requests * beams] * (NEW_TOKENS - 1)
    return encode + sum(step_seconds(floors, config, work, count) for count in rows)
