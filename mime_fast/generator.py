"""Generator: a person's message in, an empathetic reply out."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Generator as EventGenerator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from mime_fast import _C
from mime_fast import checkpoint as checkpoints
from mime_fast.config import GenerationConfig, ModelConfig, require
from mime_fast.emotions import EMOTIONS, NEGATIVE, POSITIVE, emotion_id, polarity
from mime_fast.engines import create_engine
from mime_fast.engines.base import EMOTION_STREAM, EncoderOutput, Engine
from mime_fast.logprobs import TokenScorer, score_replies
from mime_fast.memory import enough_memory
from mime_fast.profiling import profile_range, profiler, run_session
from mime_fast.reload import load_again
from mime_fast.search.consensus import by_consensus
from mime_fast.search.hypothesis import Hypothesis, log_softmax
from mime_fast.search.rules import text_rules
from mime_fast.stream import Stream
from mime_fast.text.crisis import crisis_reply, find_crisis
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.message import check_turns
from mime_fast.text.stop import ReplyText
from mime_fast.text.tokenizer import CLS, EOS, UNK, USR
from mime_fast.text.understood import count_words
from mime_fast.types import (
    Candidate,
    Crisis,
    Dialogue,
    EmotionMixture,
    FloatArray,
    Response,
    Timings,
    TokenEvent,
    TokenLogprobs,
)

T = TypeVar("T")
Message = str | bytes | Sequence[str | bytes]


class Generator:
    """Loads a checkpoint once and answers any number of messages, from any number of threads.

    Args:
        checkpoint: a checkpoint directory; None: the bundled one.
        engine: "native" (CPU, no torch), "cuda" (NVIDIA GPU), "eager" (PyTorch, slow) or "auto":
            cuda if the device is one, and else native.
        device: "auto", "cpu", "cuda" or "cuda:N"; with engine="eager" what torch calls a device.
        compute_type: "auto" (native: int8), "float32", and of the native engine "int8": words are
            screened in int8 and the ones that matter computed in float32, so that greedy and top-k
            replies are proven to be those of float32, and beams, scores and other sampling are
            within the tolerance of docs/architecture.md; and "bfloat16", which rounds and may
            change a reply, for half the memory. Of the cuda engine "float16" and "bfloat16", which
            round every matrix and may change a reply too.
        intra_threads: threads of one call (native only); None: the physical cores, at most 4.

    Raises:
        CheckpointError: the directory is missing, truncated, of another version or misshapen.
        ValueError: an option that is unknown or does not fit the others.
        MemoryError: there is too little; calls raise it too, and others than that one go on.
        EngineError: the system does not start intra_threads threads, if they were asked for.
        WriteError: the file that MIME_FAST_TRACE names cannot be written (docs/profiling.md).

    It can be pickled, for process pools and the like: what travels is the path of the checkpoint
    and the options. A process that gets the same one with every task loads it once.

    Example:
        >>> generator = Generator()
        >>> generator.respond("I lost my dog yesterday.").emotion
        'sad'
    """

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        *,
        engine: str = "auto",
        device: str = "auto",
        compute_type: str = "auto",
        intra_threads: int | None = None,
    ) -> None:
        profiler.start()
        folder = checkpoints.DEFAULT if checkpoint is None else checkpoint
        options: dict[str, Any] = {
            "engine": engine,
            "device": device,
            "compute_type": compute_type,
            "intra_threads": intra_threads,
        }
        path = None if checkpoint is None else str(Path(checkpoint).absolute())
        self._made_of = path, options
        with enough_memory(f"load {folder}", "use compute_type='bfloat16'"):
            loaded = checkpoints.load(folder)
            self.tokenizer = loaded.tokenizer
            self.engine = create_engine(loaded, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as the checkpoint's path and the options: its files must be where it goes."""
        return load_again, (type(self), *self._made_of)

    def __copy__(self) -> Self:
        """A Generator that shares the engine, whose weights do not change."""
        clone = object.__new__(type(self))
        clone.__dict__.update(self.__dict__)
        return clone

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a Generator that shares the engine, as __copy__ does."""
        return self.__copy__()

    def respond(
        self, message: Message, config: GenerationConfig | None = None, **options: Any
    ) -> Response:
        """Answer one message, or a history of turns: speaker first, alternating, speaker last.

        Options are those of GenerationConfig; they override `config`.
        """
        return self.respond_batch([message], config, **options)[0]

    def respond_batch(
        self, messages: Sequence[Message], config: GenerationConfig | None = None, **options: Any
    ) -> list[Response]:
        """Answer several messages together. Each reply is the one it would get alone."""
        with profile_range("respond"):
            request = _Request(self, messages, config, options)
            request.run()
            return request.responses()

    def check(self, message: Message) -> None:
        """Raise what respond() would raise of this message, without answering it."""
        _Request(self, [message], None, {})

    def warmup(
        self,
        config: GenerationConfig | None = None,
        *,
        batch_sizes: Sequence[int] = (1,),
        lengths: Sequence[int] = (16, 32, 64, 128),
        **options: Any,
    ) -> None:
        """Answer messages of these numbers of tokens in batches of these sizes; no reply is kept.

        The first call of a kind costs more than later ones: memory is asked for, and the cuda
        engine compiles kernels (kept for later processes in Triton's cache) and records launches
        for each size, rounded up to a power of two. Options: those of the calls that will come.
        """
        checked = _checked_options(self.engine, config, options)
        most = self.engine.config.max_positions
        for size, length in product(batch_sizes, lengths):
            require(size >= 1, f"batch_sizes must be at least 1, got {size}")
            require(length >= 1, f"lengths must be at least 1, got {length}")
            words = min(length, most) - 1
            dialogue = Dialogue([CLS] + [UNK] * words, [CLS] + [USR] * words)
            shape = size, self.engine.config.latents, self.engine.config.noise_dim
            noise = np.zeros(shape, np.float32)
            encoded = self.engine.encode([dialogue] * size, noise, None)
            self.engine.decode(encoded, checked, range(size)).run()

    def stream(
        self, message: Message, config: GenerationConfig | None = None, **options: Any
    ) -> Stream:
        """Answer one message piece by piece, each as soon as no hypothesis can change it.

        The texts joined are exactly `respond(...).text`; the last event is `final` and carries the
        Response. With mbr_samples it is the only one: until all are drawn, no word is sure. So is
        the fixed reply to a crisis. Options are checked here and now, not at the first piece.
        """
        return Stream(_events(_Request(self, [message], config, options)))


def _checked_options(
    engine: Engine, config: GenerationConfig | None, options: dict[str, Any]
) -> GenerationConfig:
    if not isinstance(config, GenerationConfig | None):
        raise TypeError(
            f"config must be a GenerationConfig, got {type(config).__name__}; "
            "pass a history as one list, and options by name"
        )
    checked = (config or GenerationConfig()).replace(**options)
    longest = engine.config.max_positions
    require(
        checked.max_new_tokens <= longest,
        f"max_new_tokens must be at most {longest} (the checkpoint's positions), "
        f"got {checked.max_new_tokens}",
    )
    require(
        checked.emotion is None or engine.config.reads_emotion,
        f"emotion={checked.emotion!r} has no effect: the replies of this "
        f"{engine.config.architecture} model do not depend on the speaker's emotion; leave it out",
    )
    return checked


def emotion_noise(engine: Engine, seeds: Sequence[int]) -> FloatArray:
    """The noise that requests with these seeds draw, (requests, latents, latent) of N(0, 1)."""
    shape = engine.config.latents, engine.config.noise_dim
    if 0 in shape:
        return np.zeros((len(seeds), *shape), np.float32)
    count = shape[0] * shape[1]
    drawn = [_C.standard_normal(seed, EMOTION_STREAM, count) for seed in seeds]
    return np.stack(drawn).reshape(len(seeds), *shape)


class _Request:
    """The life of one call: text -> encode -> decode -> Response."""

    def __init__(
        self,
        generator: Generator,
        messages: Sequence[Message],
        config: GenerationConfig | None,
        options: dict[str, Any],
    ) -> None:
        if isinstance(messages, (str, bytes)):
            raise TypeError("messages must be a list of messages; for one message use respond()")
        self.tokenizer, self.engine = generator.tokenizer, generator.engine
        self.options = _checked_options(self.engine, config, options)
        self.rules = text_rules(self.options, self.tokenizer)
        self.dialogues: list[Dialogue] = []
        self.counts: list[tuple[int, int]] = []  # of each last turn: words, unknown words
        self.crises: list[Crisis | None] = []
        self.fixed: list[str | None] = []  # the reply to a crisis; None: one is generated
        with profile_range("text.encode"):
            self._encode_texts(list(messages))
        self.seeds = [self._seed() for _ in self.dialogues]
        self.encode_ms = self.decode_ms = 0.0

    def _encode_texts(self, messages: list[Message]) -> None:
        for number, message in enumerate(messages, 1):
            try:
                self._encode_text(message)
            except (TypeError, ValueError) as error:
                if len(messages) == 1:
                    raise
                raise type(error)(f"message {number} of {len(messages)}: {error}") from error

    def _encode_text(self, message: Message) -> None:
        turns = check_turns(message)
        dialogue = encode_dialogue(self.tokenizer, turns, self.engine.config.max_positions)
        if not dialogue.last_turn:  # it held nothing but what the tokeniser deletes
            raise ValueError(f"the message {turns[-1]!r:.60} holds no word; write at least one")
        self.dialogues.append(dialogue)
        ids = dialogue.tokens[-dialogue.last_turn :]
        self.counts.append(count_words(self.tokenizer, turns[-1], ids))
        self._look_for_crisis(turns)

    def _look_for_crisis(self, turns: list[str]) -> None:
        crisis = None if self.options.on_crisis == "off" else find_crisis(turns)
        self.crises.append(crisis)
        text = None
        if crisis is not None and self.options.on_crisis == "reply":
            text = self.options.crisis_reply or crisis_reply(crisis, len(turns))
        self.fixed.append(text)

    def _seed(self) -> int:
        return secrets.randbits(32) if self.options.seed is None else self.options.seed

    def start(self) -> None:
        """Run the encoder side."""
        started = time.perf_counter()
        self.generated = [index for index, text in enumerate(self.fixed) if text is None]
        fixed = [index for index, text in enumerate(self.fixed) if text is not None]
        self.places: dict[int, tuple[EncoderOutput, int]] = {}  # by request
        if self.generated:
            self.encoded = self._encode(self.generated)
            seeds = [self.seeds[index] for index in self.generated]
            self.decoding = self.engine.decode(self.encoded, self.options, seeds, self.rules)
        if fixed:
            self._encode(fixed)
        self.encode_ms = 1e3 * (time.perf_counter() - started)

    def _encode(self, indices: list[int]) -> EncoderOutput:
        forced = None if self.options.emotion is None else emotion_id(self.options.emotion)
        dialogues = [self.dialogues[index] for index in indices]
        noise = self._noise([self.seeds[index] for index in indices])
        with profile_range("engine.encode"):
            encoded = self.engine.encode(dialogues, noise, forced)
        self.places |= {index: (encoded, row) for row, index in enumerate(indices)}
        return encoded

    def run(self) -> None:
        """Run the engine to the end."""
        if not self.dialogues:
            return
        with self._enough_memory():
            self.start()
            if self.generated:
                self.clock(lambda: run_session(self.decoding))

    def steps(self) -> Iterator[None]:
        """Run the engine; yields after each decoding step."""
        with self._enough_memory():
            self.start()
        if self.generated:
            while self.clock(self._advance):
                yield

    def _advance(self) -> bool:
        with self._enough_memory(), profile_range("engine.step"):
            return self.decoding.advance()

    def _enough_memory(self) -> AbstractContextManager[None]:
        messages = f"answer {len(self.dialogues)} message(s)"
        return enough_memory(messages, "ask for fewer messages, beams, sequences or tokens at once")

    def clock(self, decode: Callable[[], T]) -> T:
        """Count the time of a call as decoding; what happens between two calls does not count."""
        started = time.perf_counter()
        result = decode()
        self.decode_ms += 1e3 * (time.perf_counter() - started)
        return result

    def _noise(self, seeds: list[int]) -> FloatArray:
        """Emotion noise (requests, latents, latent): zeros take the means of the distributions."""
        if self.options.stochastic_emotion:
            return emotion_noise(self.engine, seeds)
        config = self.engine.config
        return np.zeros((len(seeds), config.latents, config.noise_dim), np.float32)

    def responses(self, scored: list[TokenLogprobs] | None = None) -> list[Response]:
        """What the caller gets; all have the same times, those of the batch.

        scored: log-probabilities of each first candidate, if a stream has computed them.
        """
        with self._enough_memory():
            candidates = [
                self._candidates(index, row, scored) for index, (_, row) in self._in_order()
            ]
        return [self._response(index, found) for index, found in enumerate(candidates)]

    def _in_order(self) -> list[tuple[int, tuple[EncoderOutput, int]]]:
        return sorted(self.places.items(), key=lambda place: place[0]) if self.dialogues else []

    def _response(self, index: int, candidates: list[Candidate]) -> Response:
        encoded, row = self.places[index]
        emotions = np.exp(log_softmax(encoded.emotion_logits[row]))
        recognised = int(encoded.emotion_logits[row].argmax())
        emotion = self.options.emotion or EMOTIONS[recognised]
        dialogue, best = self.dialogues[index], candidates[0]
        words, unknown_words = self.counts[index]
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
            prompt_tokens=len(dialogue.tokens),
            dropped_turns=dialogue.dropped_turns,
            dropped_words=dialogue.dropped_words,
            words=words,
            unknown_words=unknown_words,
            finish_reason=best.finish_reason,
            crisis=self.crises[index],
        )

    def _candidates(
        self, index: int, row: int, scored: list[TokenLogprobs] | None
    ) -> list[Candidate]:
        """The replies to request `index`, which is in this row of what was decoded."""
        if (text := self.fixed[index]) is not None:
            logprobs: list[TokenLogprobs] | None = None if self.options.logprobs is None else []
            return [Candidate(text, [], None, "crisis", logprobs)]
        found = self.replies(row)
        all_scored = self.clock(lambda: self._logprobs(row, found, scored))
        return [self._candidate(*each) for each in zip(found, all_scored, strict=True)]

    def agreed(self) -> tuple[int, ...]:
        """The tokens that the only request's reply is sure to start with."""
        return () if self.options.mbr_samples else self.decoding.agreed(0)

    def replies(self, row: int) -> list[Hypothesis]:
        """What a row of what was decoded gets, in the order of Response.candidates."""
        found = self.decoding.results(row)
        if self.options.mbr_samples:
            with profile_range("consensus"):
                found = by_consensus(found)[: self.options.num_return_sequences]
        return found

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

    def _candidate(self, hypothesis: Hypothesis, logprobs: list[TokenLogprobs] | None) -> Candidate:
        words = [token for token in hypothesis.tokens if token != EOS]
        score = hypothesis.score(self.options.length_penalty)
        text = ReplyText(self.tokenizer, self.options.stop)
        with profile_range("text.decode"):
            whole = text.push(words) + text.finish()
        ended = hypothesis.tokens[-1:] == (EOS,) or text.stopped
        return Candidate(
            text=whole,
            tokens=words,
            score=score if self.options.needs_scores else None,
            finish_reason="stop" if ended else "length",
            logprobs=logprobs,
        )


def _events(request: _Request) -> EventGenerator[TokenEvent, None, None]:
    pieces = None
    for _ in request.steps():
        pieces = pieces or _Pieces(request)
        agreed = request.agreed()
        end = len(agreed) - (agreed[-1:] == (EOS,))  # the end belongs to the last event
        if end > pieces.sent:
            yield pieces.event(request.decoding.leader(0), end)
    if (text := request.fixed[0]) is not None:
        (response,) = request.responses()
        reason = response.finish_reason
        yield TokenEvent(text, [], final=True, response=response, finish_reason=reason)
        return
    pieces = pieces or _Pieces(request)
    best = request.replies(0)[0]
    last = pieces.event(best, len(best.tokens))
    (response,) = request.responses(pieces.logprobs)
    yield replace(
        last,
        text=last.text + pieces.finish(),
        final=True,
        response=response,
        finish_reason=response.finish_reason,
    )


class _Pieces:
    """The only request's reply, piece by piece."""

    def __init__(self, request: _Request) -> None:
        self._request = request
        self._text = ReplyText(request.tokenizer, request.options.stop)
        self.logprobs: list[TokenLogprobs] | None = None  # of the tokens that were sent
        if (count := request.options.logprobs) is not None:
            self.logprobs = []
            self._scorer = TokenScorer(
                request.engine, request.tokenizer, request.encoded, [0], count
            )
        self.sent = 0  # tokens

    def event(self, hypothesis: Hypothesis, end: int) -> TokenEvent:
        """The tokens of the hypothesis from where the last event ended."""
        new = slice(self.sent, end)
        self.sent = end
        tokens = [token for token in hypothesis.tokens[new] if token != EOS]
        score = sum(hypothesis.log_probs[new]) if self._request.options.needs_scores else None
        logprobs = self._score(hypothesis.tokens[new])
        return TokenEvent(self._text.push(tokens), tokens, score, logprobs=logprobs)

    def _score(self, tokens: Sequence[int]) -> list[TokenLogprobs] | None:
        if self.logprobs is None:
            return None
        scored = self._request.clock(
            lambda: [each for token in tokens for each in self._scorer.step([token])]
        )
        self.logprobs += scored
        return scored

    def finish(self) -> str:
        """The text that waited for a next word."""
        return self._text.finish()


def _mixture(config: ModelConfig, encoded: EncoderOutput, index: int) -> EmotionMixture:
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
