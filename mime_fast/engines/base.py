"""What every engine does, step by step: encode once, then one decoding step a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from mime_fast.config import GenerationConfig, ModelConfig
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.search.rules import TextRules
from mime_fast.types import Dialogue, FloatArray, IntArray

# Streams of a request's counter-based random numbers; sequence i draws its tokens from stream
# TOKEN_STREAM + i.
EMOTION_STREAM, TOKEN_STREAM = 0, 1


class EncoderBatch(Protocol):
    """What Engine.encode computed of n dialogues."""

    @property
    def emotion_logits(self) -> FloatArray:
        """(n, 32)."""

    @property
    def positive_mixture(self) -> FloatArray:
        """(n, 13), order of emotions.POSITIVE; zeros where the system has no mixture."""

    @property
    def negative_mixture(self) -> FloatArray:
        """(n, 19), order of emotions.NEGATIVE; likewise."""

    @property
    def mimics_positive(self) -> NDArray[np.bool_]:
        """(n,); without meaning where the system does not mimic."""

    @property
    def memory(self) -> Any:
        """What decoding needs; its type is the engine's own."""


class Unpicklable:
    """What belongs to a call that is being answered: pickle and copy refuse it."""

    def __reduce__(self) -> NoReturn:
        """TypeError: what can be pickled instead."""
        raise TypeError(
            f"{type(self).__name__} objects cannot be pickled or copied: a reply is being made; "
            "pickle the Generator and the message, or the Response"
        )


class EngineError(OSError):
    """What surrounds an engine fails it: a compiler, a driver."""


@dataclass(frozen=True)
class EncoderArrays:
    """An EncoderBatch whose arrays are on the host."""

    emotion_logits: FloatArray
    positive_mixture: FloatArray
    negative_mixture: FloatArray
    mimics_positive: NDArray[np.bool_]
    memory: Any


class DecodingSession(Protocol):
    """Replies that are being decoded. One thread at a time may use it."""

    def advance(self) -> bool:
        """Make one step of every search that is not over; False if there was none left."""

    def run(self) -> None:
        """Make all steps that are left."""

    def agreed(self, request: int) -> tuple[int, ...]:
        """The tokens that the final best hypothesis of a request is sure to start with."""

    def leader(self, request: int) -> Hypothesis:
        """A hypothesis that starts with the agreed tokens, for their log-probabilities."""

    def results(self, request: int) -> list[Hypothesis]:
        """A request's replies once its search is over: beams best first, samples as drawn."""


class Engine(Protocol):
    """A loaded model. Shared by threads: every call owns its state."""

    name: str
    config: ModelConfig
    compute_type: str  # never "auto"

    def encode(
        self, dialogues: Sequence[Dialogue], noise: FloatArray, emotion: int | None
    ) -> EncoderBatch:
        """Context encoder, emotion, mixture, fusion: once a request.

        noise: (n, latents, latent), positive group first; see ModelConfig.latents. emotion: forces
        the speaker's emotion id.
        """

    def decode(
        self,
        encoded: EncoderBatch,
        options: GenerationConfig,
        seeds: Sequence[int],
        rules: TextRules | None = None,
    ) -> DecodingSession:
        """One search for each dialogue, all with the same options, decoded together.

        rules: text_rules() of the options.
        """

    def start(self, encoded: EncoderBatch, rows: Sequence[int]) -> Any:
        """A decode state with one row for each entry: the number of its dialogue."""

    def step(self, state: Any, tokens: IntArray) -> FloatArray:
        """Feed one token a row (the first: SOS); logits (rows, vocabulary) of the next."""

    def select(self, state: Any, rows: IntArray) -> Any:
        """The state of these rows, in this order: hypotheses fork, move and leave.

        It replaces the state that was handed in.
        """
