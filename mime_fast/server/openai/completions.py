"""POST /v1/completions: each prompt is a message, and each completion a reply to it."""

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
from mime_fast.server.openai.options import refuse, to_options
from mime_fast.server.openai.parts import (
    MimeResult,
    Usage,
    check_model,
    finish_reason,
    finite,
    mime_result,
    usage,
)
from mime_fast.server.state import ServerState
from mime_fast.types import Candidate, Response, TokenLogprobs

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "suffix": ("",),
    "echo": (False,),
}


class CompletionRequest(GenerationFields, kw_only=True, forbid_unknown_fields=True):
    """OpenAI's options, and every option of GenerationConfig."""

    prompt: str | list[str]
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    suffix: str | None = None
    echo: bool | None = None
    user: str | None = None


class CompletionLogprobs(msgspec.Struct):
    """Log-probabilities of a choice. text_offset: where the token begins in its text."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class CompletionChoice(msgspec.Struct):
    """One of the replies."""

    index: int
    text: str
    finish_reason: str | None
    logprobs: CompletionLogprobs | None = None


class Completion(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The answer, or a piece of it; `mime` is ours, one for each prompt."""

    id: str
    object: str
    created: int
    model: str
    choices: list[CompletionChoice]
    system_fingerprint: str
    usage: Usage | msgspec.UnsetType | None = msgspec.UNSET
    mime: list[MimeResult] | msgspec.UnsetType = msgspec.UNSET


DECODER = msgspec.json.Decoder(CompletionRequest)


async def complete(call: Call) -> Answer | EventStream:
    """Answer one prompt or several."""
    request = await call.read(DECODER)
    model = check_model(request.model, call.state)
    asks = to_asks(request, call.state)
    head = new_head("cmpl-", "text_completion", model)
    with_usage = wants_usage(request)
    await call.check_all(asks)
    if request.stream:
        return EventStream(_events(call, asks, head, with_usage), error_event)
    return json_answer(await _respond(call, asks, head))


def to_asks(request: Any, state: ServerState) -> list[Ask]:
    """What a request asks of the model, one for each prompt."""
    refuse(request, NEUTRAL)
    if request.best_of == (request.n or 1):  # as many as are returned: nothing is ranked
        request.best_of = None
    prompts = [request.prompt] if isinstance(request.prompt, str) else request.prompt
    if not 1 <= len(prompts) <= state.options.max_turns:
        most = state.options.max_turns
        message = f"prompt must hold 1 to {most} texts, got {len(prompts)}"
        raise ApiError(400, message, "prompt")
    limits = {"max_tokens": request.max_tokens}
    options, names = to_options(request, limits, request.n, state)
    if not 0 <= options.get("logprobs", 0) <= MOST_LOGPROBS:
        message = f"logprobs must be in [0, {MOST_LOGPROBS}], got {options['logprobs']}"
        raise ApiError(400, message, "logprobs")
    if isinstance(request.prompt, str):
        return [Ask(request.prompt, options, names, ("prompt",))]
    return [
        Ask(prompt, options, names, (f"prompt[{number}]",)) for number, prompt in enumerate(prompts)
    ]


async def _respond(call: Call, asks: list[Ask], head: dict[str, Any]) -> Completion:
    responses = await call.respond_all(asks)
    choices: list[CompletionChoice] = []
    for response in responses:
        for candidate in response.candidates:
            reason = finish_reason(candidate.finish_reason)
            found = _logprobs(call.state, candidate.logprobs, candidate)
            choices.append(CompletionChoice(len(choices), candidate.text, reason, found))
    results = [mime_result(response) for response in responses]
    return Completion(choices=choices, usage=usage(responses), mime=results, **head)


def _logprobs(
    state: ServerState, entries: list[TokenLogprobs] | None, candidate: Candidate
) -> CompletionLogprobs | None:
    if entries is None:
        return None
    entries = entries[: len(candidate.tokens)]
    detokenizer = state.generator.tokenizer.detokenizer()
    offsets, length = [], 0
    for entry in entries:
        offsets.append(min(length, len(candidate.text)))
        length += len(detokenizer.push(entry.word))
    return CompletionLogprobs(
        [entry.word for entry in entries],
        [finite(entry.logprob) for entry in entries],
        [{each.word: finite(each.logprob) for each in entry.top} for entry in entries],
        offsets,
    )


async def _events(
    call: Call, asks: list[Ask], head: dict[str, Any], with_usage: bool
) -> AsyncIterator[bytes]:
    """One prompt after the other; of each the first reply as it is made, then the others."""
    if with_usage:
        head = {**head, "usage": None}

    def chunk(choices: list[CompletionChoice], **more: Any) -> bytes:
        return event(Completion(choices=choices, **{**head, **more}))

    responses: list[Response] = []
    first = 0
    for ask in asks:
        async with aclosing(cast("Any", call.stream(ask))) as pieces:
            async for piece in pieces:
                if piece.response is None or piece.text:
                    yield chunk([CompletionChoice(first, piece.text, None)])
                if piece.response is not None:
                    responses.append(piece.response)
        for index, candidate in enumerate(responses[-1].candidates, first):
            # Its log-probabilities come when their places in the whole text are known.
            found = _logprobs(call.state, candidate.logprobs, candidate)
            text = "" if index == first else candidate.text
            reason = finish_reason(candidate.finish_reason)
            yield chunk(
                [CompletionChoice(index, text, reason, found)], mime=[mime_result(responses[-1])]
            )
        first += len(responses[-1].candidates)
    if with_usage:
        yield chunk([], usage=usage(responses))
    yield DONE
