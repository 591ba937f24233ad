"""A request: messages that were read, and what an engine computed of them, to Responses."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import numpy as np

from mime_fast import _C
from mime_fast.checkpoint import Checkpoint
from mime_fast.config import GenerationConfig, ModelConfig, require
from mime_fast.emotions import EMOTIONS, NEGATIVE, POSITIVE, emotion_id, polarity
from mime_fast.engines.base import EMOTION_STREAM, DecodingSession, EncoderBatch, Engine
from mime_fast.logprobs import score_replies
from mime_fast.memory import enough_memory
from mime_fast.profiling import profile_range
from mime_fast.read_message import Message, read_messages
from mime_fast.reply_choice import ReplyChoice
from mime_fast.search.hypothesis import Hypothesis, log_softmax
from mime_fast.search.rules import text_rules
from mime_fast.text.grave.finder import Gravity, careful_replies
from mime_fast.types import (
    Candidate,
    EmotionMixture,
    FloatArray,
    Response,
    Timings,
    TokenLogprobs,
)

T = TypeVar("T")
MOSTLY_POSITIVE = 0.6  # share of the positive emotions from which on a reply may be cheerful


def checked_options(
    model: ModelConfig,
    defaults: GenerationConfig,
    config: GenerationConfig | None,
    given: Mapping[str, Any],
) -> GenerationConfig:
    """The options of a call of that model: `config`, or `defaults`, with what is given instead."""
    if not isinstance(config, GenerationConfig | None):
        raise TypeError(
            f"config must be a GenerationConfig, got {type(config).__name__}; "
            "pass a history as one list, and options by name"
        )
    checked = defaults.overridden(given) if config is None else config.replace(**given)
    longest = model.max_positions
    require(
        checked.max_new_tokens <= longest,
        f"max_new_tokens must be at most {longest} (the checkpoint's positions), "
        f"got {checked.max_new_tokens}",
    )
    require(
        checked.emotion is None or model.reads_emotion,
        f"emotion={checked.emotion!r} has no effect: the replies of this "
        f"{model.architecture} model do not depend on the speaker's emotion; leave it out",
    )
    return checked


def emotion_noise(engine: Engine, seeds: Sequence[int]) -> FloatArray:
    """The noise that requests with these seeds draw, (requests, latents, latent) of N(0, 1)."""
    shape = engine.config.latents, engine.config.noise_dim
    if 0 in shape:
        return np.zeros((len(seeds), *shape), np.float32)
    noise = np.empty((len(seeds), shape[0] * shape[1]), np.float32)
    for row, seed in zip(noise, seeds, strict=True):
        row[:] = _C.standard_normal(seed, EMOTION_STREAM, row.size)
    return noise.reshape(len(seeds), *shape)


class Request:
    """A call: texts and options that were checked, and the Responses to them.

    Who runs the engine sets `encodings`; for the requests in `generated` also `encoded` and
    `decoding`.
    """

    encoded: EncoderBatch
    decoding: DecodingSession

    def __init__(
        self,
        checkpoint: Checkpoint,
        engine: Engine,
        messages: Sequence[Message],
        options: GenerationConfig,
    ) -> None:
        """checkpoint: the one that the engine runs; options: as checked_options returns them."""
        if isinstance(messages, (str, bytes)):
            raise TypeError("messages must be a list of messages; for one message use respond()")
        self.tokenizer, self.engine, self.options = checkpoint.tokenizer, engine, options
        relevance = checkpoint.relevance if options.best_of else None
        self._choice = ReplyChoice(self.tokenizer, options, relevance)
        self.rules = text_rules(self.options, self.tokenizer)
        # By request: the probabilities of the speaker's emotions, and whether no reply may be
        # cheerful.
        self._emotions: dict[int, FloatArray] = {}
        self._careful: dict[int, bool] = {}
        with profile_range("text.encode"):
            self.messages = read_messages(
                self.tokenizer, engine.config.max_positions, messages, options
            )
        self.seeds = [self._seed() for _ in self.messages]
        self.generated = [at for at, each in enumerate(self.messages) if each.fixed is None]
        self.encodings: dict[int, tuple[EncoderBatch, int]] = {}  # by request: its batch and row
        self.encode_ms = self.decode_ms = 0.0

    def _seed(self) -> int:
        return secrets.randbits(32) if self.options.seed is None else self.options.seed

    @property
    def emotion(self) -> int | None:
        """The id of the emotion that the options force, or None."""
        return None if self.options.emotion is None else emotion_id(self.options.emotion)

    def enough_memory(self) -> AbstractContextManager[None]:
        """A context in which an error of too little memory names the remedy."""
        messages = f"answer {len(self.messages)} message(s)"
        return enough_memory(messages, "ask for fewer messages, beams, sequences or tokens at once")

    def clock(self, decode: Callable[[], T]) -> T:
        """Count the time of a call as decoding; what happens between two calls does not count."""
        started = time.perf_counter()
        result = decode()
        self.decode_ms += 1e3 * (time.perf_counter() - started)
        return result

    def noise(self, seeds: list[int]) -> FloatArray:
        """Emotion noise (requests, latents, latent): zeros take the means of the distributions."""
        if self.options.stochastic_emotion:
            return emotion_noise(self.engine, seeds)
        config = self.engine.config
        return np.zeros((len(seeds), config.latents, config.noise_dim), np.float32)

    def responses(self, scored: list[TokenLogprobs] | None = None) -> list[Response]:
        """What the caller gets; all have the same times, those of the batch.

        scored: log-probabilities of each first candidate, if a stream has computed them.
        """
        with self.enough_memory():
            candidates = [self._candidates(index, scored) for index in range(len(self.messages))]
        return [self._response(index, found) for index, found in enumerate(candidates)]

    def _response(self, index: int, candidates: list[Candidate]) -> Response:
        encoded, row = self.encodings[index]
        emotions = self._emotions_of(index)
        emotion = self.options.emotion or EMOTIONS[int(encoded.emotion_logits[row].argmax())]
        message, best = self.messages[index], candidates[0]
        return Response(
            text=best.text,
            emotion=emotion,
            polarity=polarity(emotion_id(emotion)),
            score=best.score,
            seed=self.seeds[index],
            emotions=dict(zip(EMOTIONS, emotions.tolist(), strict=True)),
            mixture=_mixture(self.engine.config, encoded, row),
            candidates=candidates,
            timings=Timings(self.encode_ms, self.decode_ms, len(best.tokens)),
            prompt_tokens=len(message.dialogue.tokens),
            dropped_turns=message.dialogue.dropped_turns,
            dropped_words=message.dialogue.dropped_words,
            words=message.words,
            unknown_words=message.unknown_words,
            finish_reason=best.finish_reason,
            crisis=message.crisis,
        )

    def _candidates(self, index: int, scored: list[TokenLogprobs] | None) -> list[Candidate]:
        logprobs: list[TokenLogprobs] | None = None if self.options.logprobs is None else []
        if (text := self.messages[index].fixed) is not None:
            return [Candidate(text, [], None, "crisis", logprobs)]
        _, row = self.encodings[index]
        found, left_out = self.replies(row)
        all_scored = self.clock(lambda: self._logprobs(row, found, scored))
        generated = list(map(self._choice.candidate, found, all_scored))
        gravity = self.messages[index].gravity
        fixed = careful_replies(self.seeds[index], left_out, gravity) if left_out else []
        return generated + [Candidate(text, [], None, "careful", logprobs) for text in fixed]

    def agreed(self) -> tuple[int, ...]:
        """The tokens that the only request's reply is sure to start with."""
        is_chosen_last = self.options.ranked_samples or self._is_careful(0)
        return () if is_chosen_last else self.decoding.agreed(0)

    def replies(self, row: int) -> tuple[list[Hypothesis], int]:
        """What a row of what was decoded gets, in the order of Response.candidates.

        And for how many candidates none is left, since the others do not suit the message.
        """
        found, index = self.decoding.results(row), self.generated[row]
        message = self.messages[index]
        return self._choice.choose(
            found, message.dialogue, message.gravity, is_careful=self._is_careful(index)
        )

    def _is_careful(self, index: int) -> bool:
        """Whether no reply to a message may be cheerful."""
        if index not in self._careful:
            is_grave = self.messages[index].gravity is not Gravity.NONE
            may_not_cheer = is_grave or not self._is_mostly_positive(index)
            self._careful[index] = self.options.avoid_cheer and may_not_cheer
        return self._careful[index]

    def _is_mostly_positive(self, index: int) -> bool:
        """Whether the speaker's emotion is a positive one, given or recognised."""
        if self.emotion is not None:
            return self.emotion in POSITIVE
        emotions = self._emotions_of(index).tolist()
        return sum(emotions[emotion] for emotion in POSITIVE) >= MOSTLY_POSITIVE

    def _emotions_of(self, index: int) -> FloatArray:
        """The probabilities (32,) of the speaker's emotions."""
        if index not in self._emotions:
            encoded, row = self.encodings[index]
            self._emotions[index] = np.exp(log_softmax(encoded.emotion_logits[row]))
        return self._emotions[index]

    def _logprobs(
        self, row: int, replies: list[Hypothesis], scored: list[TokenLogprobs] | None
    ) -> list[list[TokenLogprobs]] | list[None]:
        count = self.options.logprobs
        if count is None:
            return [None] * len(replies)
        known = [] if scored is None else [scored]
        tokens = [hypothesis.tokens for hypothesis in replies[len(known) :]]
        left = score_replies(self.engine, self.tokenizer, self.encoded, row, tokens, count)
        return known + left


def _mixture(config: ModelConfig, encoded: EncoderBatch, index: int) -> EmotionMixture:
    def named(ids: tuple[int, ...], shares: FloatArray) -> dict[str, float]:
        return {EMOTIONS[i]: share for i, share in zip(ids, shares.tolist(), strict=True)}

    positive, negative = encoded.positive_mixture[index], encoded.negative_mixture[index]
    if not (positive.any() or negative.any()):  # the system has none
        return EmotionMixture({}, {}, None)
    mimicked = "positive" if encoded.mimics_positive[index] else "negative"
    return EmotionMixture(
        named(POSITIVE, positive),
        named(NEGATIVE, negative),
        mimicked if config.mimics else None,
    )
