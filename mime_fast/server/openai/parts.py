"""What the answers of OpenAI's interface have in common: ids, usage, log-probabilities."""

from __future__ import annotations

import secrets
from typing import Literal

import msgspec

from mime_fast import __version__
from mime_fast.server.errors import ApiError
from mime_fast.server.state import ServerState
from mime_fast.types import (
    Candidate,
    Crisis,
    EmotionMixture,
    Response,
    Timings,
    TokenLogprob,
    TokenLogprobs,
)

FINGERPRINT = f"mime-fast-{__version__}"
LOWEST_LOGPROB = -9999.0  # JSON has no infinity; OpenAI's number for "most unlikely"


def new_id(kind: str) -> str:
    """The id of an answer, e.g. chatcmpl-5f0e..."""
    return f"{kind}{secrets.token_hex(12)}"


def check_model(model: str | None, state: ServerState) -> str:
    """The model's name; ApiError 404 if the request names another one."""
    name = state.options.model_name
    if model is not None and model != name:
        message = f"there is no model {model!r:.80}; use {name!r}"
        raise ApiError(404, message, "model", "model_not_found")
    return name


class MimeResult(msgspec.Struct):
    """What MIME knows of a reply beside its text; the fields are those of Response."""

    finish_reason: str
    seed: int
    emotion: str
    polarity: str
    emotions: dict[str, float]
    mixture: EmotionMixture
    crisis: Crisis | None
    words: int
    unknown_words: int
    dropped_turns: int
    dropped_words: int
    scores: list[float | None]
    timings: Timings


def mime_result(response: Response) -> MimeResult:
    """The `mime` field of an answer."""
    return MimeResult(
        finish_reason=response.finish_reason,
        seed=response.seed,
        emotion=response.emotion,
        polarity=response.polarity,
        emotions=response.emotions,
        mixture=response.mixture,
        crisis=response.crisis,
        words=response.words,
        unknown_words=response.unknown_words,
        dropped_turns=response.dropped_turns,
        dropped_words=response.dropped_words,
        scores=[candidate.score for candidate in response.candidates],
        timings=response.timings,
    )


def finish_reason(reason: str | None) -> Literal["stop", "length"]:
    """OpenAI's word for it. A fixed reply is a whole reply, and no filter hid it."""
    return "length" if reason == "length" else "stop"


class Usage(msgspec.Struct):
    """Numbers of tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


def usage(responses: list[Response]) -> Usage:
    """The tokens of some replies."""
    prompt = sum(response.prompt_tokens for response in responses)
    made = sum(len(each.tokens) for response in responses for each in response.candidates)
    return Usage(prompt, made, prompt + made)


class TopLogprob(msgspec.Struct):
    """A likely token."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprobPart(TopLogprob):
    """A generated token."""

    top_logprobs: list[TopLogprob]


def _top(entry: TokenLogprob) -> TopLogprob:
    return TopLogprob(entry.word, finite(entry.logprob), list(entry.word.encode()))


def finite(logprob: float) -> float:
    """A log-probability that JSON can hold."""
    return max(logprob, LOWEST_LOGPROB)


def token_logprobs(entries: list[TokenLogprobs] | None, tokens: int) -> list[TokenLogprobPart]:
    """The log-probabilities of the tokens; that of end-of-reply, which is no token here, is not."""
    parts = []
    for entry in (entries or [])[:tokens]:
        top = _top(entry)
        listed = [_top(each) for each in entry.top]
        parts.append(TokenLogprobPart(top.token, top.logprob, top.bytes, listed))
    return parts


def candidate_logprobs(candidate: Candidate) -> list[TokenLogprobPart]:
    """The log-probabilities of a whole reply."""
    return token_logprobs(candidate.logprobs, len(candidate.tokens))
