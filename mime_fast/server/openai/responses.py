"""POST /v1/responses. Nothing is stored: each request carries its whole conversation."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import msgspec

from mime_fast.server.call import Ask, Call
from mime_fast.server.endpoint import Answer, EventStream, event, json_answer
from mime_fast.server.errors import ApiError, shorten
from mime_fast.server.generation import MOST_LOGPROBS
from mime_fast.server.openai.messages import Turns, to_turns
from mime_fast.server.openai.options import refuse, to_options
from mime_fast.server.openai.parts import (
    TokenLogprobPart,
    candidate_logprobs,
    check_model,
    mime_result,
    new_id,
    token_logprobs,
)
from mime_fast.server.openai.response_types import (
    NEUTRAL,
    PLAIN_TEXT,
    VERBOSITIES,
    Incomplete,
    OutputMessage,
    OutputText,
    ResponseObject,
    ResponseRequest,
    ResponseUsage,
)
from mime_fast.server.state import ServerState
from mime_fast.types import Response

DECODER = msgspec.json.Decoder(ResponseRequest)


async def create_response(call: Call) -> Answer | EventStream:
    """Answer a conversation."""
    request: Any = await call.read(DECODER)
    model = check_model(request.model, call.state)
    ask = to_ask(request, call.state)
    begun = ResponseObject(
        id=new_id("resp_"),
        created_at=int(time.time()),
        status="in_progress",
        model=model,
        output=[],
        instructions=request.instructions,
        metadata=request.metadata or {},
        temperature=request.temperature,
        top_p=request.top_p,
        max_output_tokens=request.max_output_tokens,
        text={"format": PLAIN_TEXT} | _given(request.text or {}),
    )
    if request.stream:
        events = ResponseEvents(begun)
        return EventStream(events.stream(call, ask), events.failed)
    return json_answer(completed(begun, await call.respond(ask), new_id("msg_")))


def to_ask(request: Any, state: ServerState) -> Ask:
    """What a request asks of the model."""
    refuse(request, NEUTRAL)
    _check_text(request.text or {})
    limits = {"max_output_tokens": request.max_output_tokens}
    options, names = to_options(request, limits, None, state)
    wanted = request.top_logprobs
    if wanted is not None and not 0 <= wanted <= MOST_LOGPROBS:
        message = f"top_logprobs must be in [0, {MOST_LOGPROBS}], got {wanted}"
        raise ApiError(400, message, "top_logprobs")
    if wanted or request.include:
        options["logprobs"] = wanted or 0
    turns = _turns(request.input, state)
    return Ask(turns.texts, options, names, turns.turn_names)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _check_text(text: dict[str, Any]) -> None:
    """ApiError where the answer's text should have another form; its verbosity changes nothing."""
    for name, value in text.items():
        neutral = value in VERBOSITIES if name == "verbosity" else value in (None, PLAIN_TEXT)
        if not neutral or name not in ("format", "verbosity"):
            hint = "text holds the format {'type': 'text'} and a verbosity (low, medium, high) only"
            raise ApiError(
                400, f"text.{name} is not supported by this model; {hint}", f"text.{name}"
            )


def _turns(given: Any, state: ServerState) -> Turns:
    if isinstance(given, str):
        return Turns([given], ["input"])
    most = state.options.max_turns
    if len(given) > most:
        raise ApiError(400, f"input must hold at most {most} items, got {len(given)}", "input")
    for number, item in enumerate(given):
        if item.type != "message":
            where = f"input[{number}]"
            raise ApiError(400, f"{where} is a {item.type!r}; this model reads messages", where)
    return to_turns(given, "input")


def completed(begun: ResponseObject, response: Response, message_id: str) -> ResponseObject:
    """The answer with its replies; the second and further ones are messages, too."""
    cut = response.finish_reason == "length"
    status = "incomplete" if cut else "completed"
    output = [
        OutputMessage(
            message_id if index == 0 else new_id("msg_"),
            "incomplete" if candidate.finish_reason == "length" else "completed",
            [OutputText(candidate.text, candidate_logprobs(candidate))],
        )
        for index, candidate in enumerate(response.candidates)
    ]
    made = sum(len(candidate.tokens) for candidate in response.candidates)
    return msgspec.structs.replace(
        begun,
        status=status,
        completed_at=None if cut else int(time.time()),
        output=output,
        usage=ResponseUsage(response.prompt_tokens, made, response.prompt_tokens + made),
        incomplete_details=Incomplete() if cut else None,
        mime=mime_result(response),
    )


class ResponseEvents:
    """The typed events of a stream, numbered."""

    def __init__(self, begun: ResponseObject) -> None:
        self._begun, self._number = begun, -1

    def _event(self, kind: str, **values: Any) -> bytes:
        self._number += 1
        return event({"type": kind, "sequence_number": self._number, **values}, kind.encode())

    def failed(self, error: ApiError) -> bytes:
        """The event that ends a broken stream."""
        found = error.body()["error"]
        message = shorten(error.message)
        return self._event("error", message=message, code=found["code"], param=found["param"])

    async def stream(self, call: Call, ask: Ask) -> AsyncIterator[bytes]:
        """The first reply as it is made; the others, which are complete with it, after it."""
        message_id, text, response = new_id("msg_"), "", None
        logprobs: list[TokenLogprobPart] = []
        async with aclosing(cast("Any", call.stream(ask))) as pieces:
            async for piece in pieces:
                if self._number < 0:
                    yield self._opening(message_id)
                text, response = text + piece.text, piece.response
                new = token_logprobs(piece.logprobs, len(piece.tokens))
                logprobs += new
                if piece.text:
                    place = {"item_id": message_id, "output_index": 0, "content_index": 0}
                    yield self._event(
                        "response.output_text.delta", delta=piece.text, logprobs=new, **place
                    )
        assert response is not None  # noqa: S101 - the last piece has it
        answer = completed(self._begun, response, message_id)
        for index, message in enumerate(answer.output):
            if index:
                yield self._opening_of(index, message.id)
            yield self._closing_of(index, message)
        yield self._event(f"response.{answer.status}", response=answer)

    def _opening(self, message_id: str) -> bytes:
        created = self._event("response.created", response=self._begun)
        progress = self._event("response.in_progress", response=self._begun)
        return created + progress + self._opening_of(0, message_id)

    def _opening_of(self, index: int, message_id: str) -> bytes:
        item = OutputMessage(message_id, "in_progress", [])
        added = self._event("response.output_item.added", output_index=index, item=item)
        place = {"item_id": message_id, "output_index": index, "content_index": 0}
        part = self._event("response.content_part.added", part=OutputText(""), **place)
        return added + part

    def _closing_of(self, index: int, message: OutputMessage) -> bytes:
        (part,) = message.content
        place = {"item_id": message.id, "output_index": index, "content_index": 0}
        delta = b""
        if index and part.text:
            delta = self._event(
                "response.output_text.delta", delta=part.text, logprobs=part.logprobs, **place
            )
        text = self._event(
            "response.output_text.done", text=part.text, logprobs=part.logprobs, **place
        )
        done = self._event("response.content_part.done", part=part, **place)
        item = self._event("response.output_item.done", output_index=index, item=message)
        return delta + text + done + item
