"""libmime_fast through ctypes, as a program of C sees it."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

STATUS = (
    *("ok", "invalid_argument", "checkpoint_error", "out_of_memory", "cancelled"),
    *("system_error", "internal_error", "queue_full", "service_closed"),
)
Texts = POINTER(c_char_p)
EARLY_STOPPING = {False: 0, True: 1, "never": 2}
ON_CRISIS = {"reply": 0, "flag": 1, "off": 2}


class LibraryError(Exception):
    """A status that is not ok, and the message of the library."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = STATUS[status]


class Options(ctypes.Structure):
    """mime_fast_options of mime_fast.h."""

    _fields_ = (
        ("size", c_size_t),
        ("max_new_tokens", c_int64),
        ("min_new_tokens", c_int64),
        ("stop", Texts),
        ("stop_count", c_size_t),
        ("num_beams", c_int64),
        ("length_penalty", c_double),
        ("early_stopping", c_int),
        ("do_sample", c_int),
        ("temperature", c_double),
        ("top_k", c_int64),
        ("top_p", c_double),
        ("min_p", c_double),
        ("repetition_penalty", c_double),
        ("no_repeat_ngram_size", c_int64),
        ("bad_words", Texts),
        ("bad_words_count", c_size_t),
        ("num_return_sequences", c_int64),
        ("mbr_samples", c_int64),
        ("best_of", c_int64),
        ("return_scores", c_int),
        ("speculation", c_int),
        ("has_seed", c_int),
        ("seed", ctypes.c_uint64),
        ("stochastic_emotion", c_int),
        ("emotion", c_char_p),
        ("on_crisis", c_int),
        ("crisis_reply", c_char_p),
        ("avoid_cheer", c_int),
        ("logprobs", c_int64),
    )


class LoadOptions(ctypes.Structure):
    """mime_fast_load_options of mime_fast.h."""

    _fields_ = (("size", c_size_t), ("compute_type", c_char_p), ("threads", c_int))


GENERATED = c_size_t(-1).value  # MIME_FAST_GENERATED of mime_fast.h
OnPiece = ctypes.CFUNCTYPE(c_int, c_char_p, c_void_p)


def texts(values: Sequence[str | bytes]) -> Any:
    """An array of C strings."""
    return (c_char_p * len(values))(*map(raw, values))


def raw(value: str | bytes) -> bytes:
    """The bytes of a text."""
    return value.encode() if isinstance(value, str) else value


class Library:
    """The functions of libmime_fast.so with their types."""

    def __init__(self, path: Path) -> None:
        self.c = c = ctypes.CDLL(str(path))
        for name in ("version", "last_error", "emotion_name"):
            getattr(c, f"mime_fast_{name}").restype = c_char_p
        for name in ("text", "finish_reason", "emotion", "polarity", "crisis", "crisis_about"):
            self._response(name, c_char_p)
        self._response("mimicked", c_char_p)
        self._response("candidate_text", c_char_p, c_size_t)
        self._response("candidate_finish_reason", c_char_p, c_size_t)
        self._response("candidate_score", c_double, c_size_t)
        self._response("candidate_tokens", POINTER(c_int32), c_size_t, POINTER(c_size_t))
        self._response("candidate_count", c_size_t)
        self._response("candidate_logprob_count", c_size_t, c_size_t)
        self._response("candidate_top_count", c_size_t, c_size_t, c_size_t)
        at = c_size_t, c_size_t, c_size_t
        self._response("candidate_logprob_token", c_int32, *at)
        self._response("candidate_logprob_word", c_char_p, *at)
        self._response("candidate_logprob", c_double, *at)
        self._response("probability", c_double, c_size_t)
        self._response("mixture", c_double, c_size_t)
        self._response("seed", ctypes.c_uint64)
        self._response("crisis_turn", c_size_t)
        for name in ("encode_milliseconds", "decode_milliseconds"):
            self._response(name, c_double)
        for name in ("prompt_tokens", "dropped_turns", "dropped_words", "words", "unknown_words"):
            self._response(name, c_int64)
        c.mime_fast_respond.argtypes = [c_void_p, Texts, c_size_t, c_void_p, c_void_p]
        c.mime_fast_stream.argtypes = [
            *(c_void_p, Texts, c_size_t, c_void_p, OnPiece, c_void_p, c_void_p)
        ]
        c.mime_fast_generator_create.argtypes = [c_char_p, c_void_p, c_void_p]
        c.mime_fast_generator_destroy.argtypes = [c_void_p]
        c.mime_fast_tokenize.argtypes = [c_void_p, c_char_p, c_char_p, c_size_t, c_void_p]
        c.mime_fast_detokenize.argtypes = [c_char_p, c_char_p, c_size_t, c_void_p]
        c.mime_fast_response_destroy.argtypes = [c_void_p]

    def _response(self, name: str, result: Any, *arguments: Any) -> None:
        function = getattr(self.c, f"mime_fast_response_{name}")
        function.restype, function.argtypes = result, [c_void_p, *arguments]

    def check(self, status: int) -> None:
        """Raise LibraryError unless the status is ok."""
        if status:
            raise LibraryError(status, self.c.mime_fast_last_error().decode())

    def load(self, folder: Path | str, **given: Any) -> Loaded:
        """Load a checkpoint."""
        options, generator = LoadOptions(), c_void_p()
        self.c.mime_fast_load_options_init_sized(byref(options), c_size_t(ctypes.sizeof(options)))
        for name, value in given.items():
            setattr(options, name, value.encode() if isinstance(value, str) else value)
        self.check(
            self.c.mime_fast_generator_create(
                str(folder).encode(), byref(options), byref(generator)
            )
        )
        return Loaded(self, generator)

    def options(self, **given: Any) -> Options:
        """Options under the names of GenerationConfig."""
        options = Options()
        self.c.mime_fast_options_init_sized(byref(options), c_size_t(ctypes.sizeof(options)))
        for name, value in given.items():
            if name in {"stop", "bad_words"}:
                setattr(options, name, ctypes.cast(texts(value), Texts))
                setattr(options, f"{name}_count", len(value))
            elif name == "early_stopping":
                options.early_stopping = EARLY_STOPPING[value]
            elif name == "on_crisis":
                options.on_crisis = ON_CRISIS[value]
            else:
                setattr(options, name, value.encode() if isinstance(value, str) else value)
        if "seed" in given:
            options.has_seed = 1
        return options

    def detokenize(self, words: str) -> str:
        """Words joined by blanks to text."""
        return self.written(lambda *rest: self.c.mime_fast_detokenize(words.encode(), *rest))

    def written(self, write: Callable[..., int]) -> str:
        """What a function writes into a buffer of the size that it asks for."""
        length = c_size_t()
        self.check(write(None, 0, byref(length)))
        buffer = ctypes.create_string_buffer(length.value + 1)
        self.check(write(buffer, len(buffer), byref(length)))
        assert len(buffer.value) == length.value
        return buffer.value.decode()


class Loaded:
    """A generator of the library."""

    def __init__(self, library: Library, generator: c_void_p) -> None:
        self.library, self.generator = library, generator

    def __del__(self) -> None:
        self.library.c.mime_fast_generator_destroy(self.generator)

    def respond(self, *turns: str | bytes, **given: Any) -> dict[str, Any]:
        """The reply, as facts of it."""
        response, options = c_void_p(), self.library.options(**given)
        self.library.check(
            self.library.c.mime_fast_respond(
                self.generator, texts(turns), len(turns), byref(options), byref(response)
            )
        )
        return self.facts(response)

    def stream(
        self, *turns: str, most: int = 10_000, **given: Any
    ) -> tuple[list[str], dict[str, Any]]:
        """The pieces and the facts; gives up at piece number `most`."""
        pieces: list[str] = []

        def take(piece: bytes, _: object) -> int:
            pieces.append(piece.decode())
            return int(len(pieces) >= most)

        response, options = c_void_p(), self.library.options(**given)
        self.library.check(
            self.library.c.mime_fast_stream(
                *(self.generator, texts(turns), len(turns), byref(options)),
                *(OnPiece(take), None, byref(response)),
            )
        )
        return pieces, self.facts(response)

    def tokenize(self, text: str) -> str:
        """The words of a text, joined by blanks."""
        return self.library.written(
            lambda *rest: self.library.c.mime_fast_tokenize(self.generator, text.encode(), *rest)
        )

    def facts(self, response: c_void_p) -> dict[str, Any]:
        """What a response holds; destroys it."""

        def get(name: str, *arguments: Any) -> Any:
            value = getattr(self.library.c, f"mime_fast_response_{name}")(response, *arguments)
            return value.decode() if isinstance(value, bytes) else value

        names = (
            *("text", "finish_reason", "emotion", "polarity", "seed", "mimicked", "prompt_tokens"),
            *("dropped_turns", "dropped_words", "words", "unknown_words"),
            *("encode_milliseconds", "decode_milliseconds"),
        )
        found = {name: get(name) for name in names}
        emotions = range(self.library.c.mime_fast_emotion_count())
        named = {self.library.c.mime_fast_emotion_name(i).decode(): i for i in emotions}
        found["emotions"] = {name: get("probability", i) for name, i in named.items()}
        found["mixture"] = {name: get("mixture", i) for name, i in named.items()}
        found["candidates"] = [_candidate(get, index) for index in range(get("candidate_count"))]
        crisis = get("crisis")
        found["crisis"] = crisis and (crisis, get("crisis_about"), get("crisis_turn"))
        self.library.c.mime_fast_response_destroy(response)
        return found


def _candidate(get: Callable[..., Any], index: int) -> tuple[Any, ...]:
    count = c_size_t()
    tokens = get("candidate_tokens", index, byref(count))
    score = get("candidate_score", index)
    return (
        get("candidate_text", index),
        get("candidate_finish_reason", index),
        tokens[: count.value],
        None if math.isnan(score) else score,
        [_logprobs(get, index, at) for at in range(get("candidate_logprob_count", index))],
    )


def _logprobs(get: Callable[..., Any], index: int, position: int) -> tuple[Any, ...]:
    ranks = range(get("candidate_top_count", index, position))
    top = [_logprob(get, index, position, rank) for rank in ranks]
    return (*_logprob(get, index, position, GENERATED), top)


def _logprob(get: Callable[..., Any], *at: int) -> tuple[int, str, float]:
    found = (get(f"candidate_logprob{part}", *at) for part in ("_token", "_word", ""))
    token, word, logprob = found
    return token, word, logprob
