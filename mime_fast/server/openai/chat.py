"""POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import msgspec

from mime_fast.server.call import Ask, Call
from mime_fast.server.endpoint import Answer, EventStream, error_event, event, json_answer
from mime_fast.server.errors import ApiError
from mime_fast.server.generation import MOST_LOGPROBS, GenerationFields
from mime_fast.server.openai.chunks import DONE, StreamOptions, new_head, wants_usage
from mime_fast.server.openai.messages import ChatMessage, to_turns
from mime_fast.server.openai.options import refuse, to_options
from mime_fast.server.openai.parts import (
    MimeResult,
    TokenLogprobPart,
    Usage,
    candidate_logprobs,
    check_model,
    finish_reason,
    mime_result,
    token_logprobs,
    usage,
)
from mime_fast.server.state import ServerState
from mime_fast.types import Response, TokenEvent

# Options that MIME has no part for, and the values with which they ask for nothing.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
    "store": (False,),
    "moderation": (),
}


class ChatRequest(GenerationFields, kw_only=True, forbid_unknown_fields=True):
    """OpenAI's options, and every option of GenerationConfig."""

    messages: list[ChatMessage]
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    tool_choice: Any = None
    function_call: Any = None
    response_format: dict[str, Any] | None = None
    modalities: list[str] | None = None
    audio: Any = None
    prediction: Any = None
    web_search_options: Any = None
    store: bool | None = None
    moderation: Any = None
    # They change nothing here.
    user: str | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: Any = None


class Logprobs(msgspec.Struct):
    """Log-probabilities of a choice."""

    content: list[TokenLogprobPart]
    refusal: None = None


class AnswerMessage(msgspec.Struct):
    """A reply."""

    content: str
    role: str = "assistant"
    refusal: None = None


class Choice(msgspec.Struct):
    """One of the replies."""

    index: int
    message: AnswerMessage
    finish_reason: str
    logprobs: Logprobs | None


class ChatCompletion(msgspec.Struct, kw_only=True):
    """The answer; `mime` is ours."""

    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    system_fingerprint: str
    mime: MimeResult


class Delta(msgspec.Struct, omit_defaults=True):
    """What a piece adds."""

    role: str | None = None
    content: str | None = None


class ChunkChoice(msgspec.Struct):
    """A piece of one of the replies."""

    index: int
    delta: Delta
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Chunk(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A piece of an answer; the last one with choices has `mime`."""

    id: str
    object: str
    created: int
    model: str
    choices: list[ChunkChoice]
    system_fingerprint: str
    usage: Usage | msgspec.UnsetType | None = msgspec.UNSET
    mime: MimeResult | msgspec.UnsetType = msgspec.UNSET


DECODER = msgspec.json.Decoder(ChatRequest)


async def chat(call: Call) -> Answer | EventStream:
    """Answer a conversation."""
    request = await call.read(DECODER)
    model = check_model(request.model, call.state)
    ask = to_ask(request, call.state)
    with_usage = wants_usage(request)
    if request.stream:
        head = new_head("chatcmpl-", "chat.completion.chunk", model)
        return EventStream(_events(call, ask, head, with_usage), error_event)
    return json_answer(_completion(await call.respond(ask), ask, model))


def to_ask(request: Any, state: ServerState) -> Ask:
    """What a request asks of the model."""
    refuse(request, NEUTRAL)
    most = state.options.max_turns
    if len(request.messages) > most:
        message = f"messages must be at most {most}, got {len(request.messages)}"
        raise ApiError(400, message, "messages")
    limits = {
        "max_tokens": request.max_tokens,
        "max_completion_tokens": request.max_completion_tokens,
    }
    options, names = to_options(request, limits, request.n, state)
    options.pop("logprobs", None)
    if request.logprobs:
        options["logprobs"] = _top_logprobs(request.top_logprobs or 0)
    elif request.top_logprobs:
        raise ApiError(400, "top_logprobs needs logprobs=true", "top_logprobs")
    turns = to_turns(request.messages)
    return Ask(turns.texts, options, names, turns.turn_names)


def _top_logprobs(count: int) -> int:
    if not 0 <= count <= MOST_LOGPROBS:
        message = f"top_logprobs must be in [0, {MOST_LOGPROBS}], got {count}"
        raise ApiError(400, message, "top_logprobs")
    return count


def _completion(response: Response, ask: Ask, model: str) -> ChatCompletion:
    choices = [
        Choice(
            index,
            AnswerMessage(candidate.text),
            finish_reason(candidate.finish_reason),
            Logprobs(candidate_logprobs(candidate)) if "logprobs" in ask.options else None,
        )
        for index, candidate in enumerate(response.candidates)
    ]
    return ChatCompletion(
        choices=choices,
        usage=usage([response]),
        mime=mime_result(response),
        **new_head("chatcmpl-", "chat.completion", model),
    )


async def _events(
    call: Call, ask: Ask, head: dict[str, Any], with_usage: bool
) -> AsyncIterator[bytes]:
    """The first reply as it is made, and the others, which are complete with it, after it."""
    if with_usage:
        head = {**head, "usage": None}

    def chunk(choices: list[ChunkChoice], **more: Any) -> bytes:
        return event(Chunk(choices=choices, **{**head, **more}))

    logprobs = "logprobs" in ask.options
    role: str | None = "assistant"
    response = None
    async with aclosing(cast("Any", call.stream(ask))) as pieces:
        async for piece in pieces:
            delta = Delta(role, piece.text)
            yield chunk([ChunkChoice(0, delta, None, _piece_logprobs(piece, logprobs))])
            role, response = None, piece.response
    assert response is not None  # noqa: S101 - the last piece has it
    for index, candidate in enumerate(response.candidates):
        if index:
            found = Logprobs(candidate_logprobs(candidate)) if logprobs else None
            yield chunk([ChunkChoice(index, Delta("assistant", candidate.text), None, found)])
        more = {} if index < len(response.candidates) - 1 else {"mime": mime_result(response)}
        reason = finish_reason(candidate.finish_reason)
        yield chunk([ChunkChoice(index, Delta(), reason)], **more)
    if with_usage:
        yield chunk([], usage=usage([response]))
    yield DONE


def _piece_logprobs(piece: TokenEvent, wanted: bool) -> Logprobs | None:
    if not wanted or not piece.tokens:
        return None
    return Logprobs(token_logprobs(piece.logprobs, len(piece.tokens)))
