"""The native engine: C++ from token ids to token ids (csrc/engine), without torch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from mime_fast import _C
from mime_fast.checkpoint import Checkpoint
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import EncoderArrays, EncoderBatch, EngineError
from mime_fast.engines.threads import default_threads
from mime_fast.search.rules import TextRules
from mime_fast.types import Dialogue, FloatArray, IntArray


class NativeEngine:
    """Runs a checkpoint with mime_fast._C.

    compute_type: "float32" computes all logits. "int8" screens the vocabulary in int8 and computes
    in float32 what that cannot exclude. "bfloat16" rounds the projection's weights.
    threads: number of threads of a call. None: the physical cores, at most 4, or fewer with a
    warning where the system starts no more. The attribute `threads` is the number in use.
    """

    name = "native"

    def __init__(
        self, checkpoint: Checkpoint, compute_type: str = "int8", threads: int | None = None
    ) -> None:
        self.config, self.compute_type = checkpoint.config, compute_type
        wanted = default_threads() if threads is None else threads
        try:
            self.engine = _C.Engine(
                checkpoint.weights,
                self.config,
                compute_type,
                wanted,
                checkpoint.drafts if checkpoint.drafts.exists() else None,
                fewer_threads=threads is None,
            )
        except _C.CheckpointError as error:
            raise CheckpointError(str(error)) from error
        except _C.ThreadError as error:
            raise EngineError(f"intra_threads={threads}: {error}") from error
        self.threads = self.engine.threads
        self.instruction_set = self.engine.instruction_set
        if self.threads < wanted:
            warnings.warn(
                f"the system starts {self.threads} of {wanted} threads for a call; raise its limit "
                f"on processes (ulimit -u), or ask for intra_threads={self.threads} (--threads)",
                RuntimeWarning,
                stacklevel=4,
            )

    def encode(
        self, dialogues: Sequence[Dialogue], noise: FloatArray, emotion: int | None
    ) -> EncoderBatch:
        """Encode one dialogue at a time: nothing is padded."""
        tokens = [np.array(dialogue.tokens) for dialogue in dialogues]
        speakers = [np.array(dialogue.speakers) for dialogue in dialogues]
        forced = -1 if emotion is None else emotion
        parts = self.engine.encode(tokens, speakers, noise, forced)
        return encoder_batch(parts)

    def decode(
        self,
        encoded: EncoderBatch,
        options: GenerationConfig,
        seeds: Sequence[int],
        rules: TextRules | None = None,
    ) -> _C.DecodingSession:
        """A session that makes all its steps in C++."""
        return self.engine.decode(encoded.memory, options, seeds, rules)

    def start(self, encoded: EncoderBatch, rows: Sequence[int]) -> _C.DecodeState:
        """A decode state with one row for each entry: the number of its dialogue."""
        return self.engine.start([encoded.memory[row] for row in rows])

    def step(self, state: _C.DecodeState, tokens: IntArray) -> FloatArray:
        """Feed one token a row; logits (rows, vocabulary) of the next."""
        return state.step(tokens)

    def select(self, state: _C.DecodeState, rows: IntArray) -> _C.DecodeState:
        """The same state, now of these rows."""
        state.select(rows.tolist())
        return state


def encoder_batch(parts: list[_C.EncoderOutput]) -> EncoderBatch:
    """What was computed of these dialogues."""
    return EncoderArrays(
        _stack([part.emotion_logits for part in parts]),
        _stack([part.positive_mixture for part in parts]),
        _stack([part.negative_mixture for part in parts]),
        np.array([part.mimics_positive for part in parts]),
        parts,
    )


def _stack(arrays: list[FloatArray]) -> FloatArray:
    """What np.stack gives: it takes 5 us for one array, where a view takes 0.2."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)
