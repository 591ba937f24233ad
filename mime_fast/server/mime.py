"""POST /v1/mime/respond: all that Generator.respond takes, and all that a Response holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import msgspec

from mime_fast.server.call import Ask, Call
from mime_fast.server.endpoint import Answer, EventStream, error_event, event, json_answer
from mime_fast.server.errors import ApiError
from mime_fast.server.generation import GenerationFields, given_options


class RespondRequest(GenerationFields, kw_only=True, forbid_unknown_fields=True):
    """A message, or the turns of a dialogue, and every option of GenerationConfig."""

    message: str | list[str]
    stream: bool | None = None


DECODER = msgspec.json.Decoder(RespondRequest)


async def respond(call: Call) -> Answer | EventStream:
    """Answer a message; a stream has an event for each TokenEvent."""
    request: Any = await call.read(DECODER)
    most = call.state.options.max_turns
    if not isinstance(request.message, str) and len(request.message) > most:
        message = f"message must hold at most {most} turns, got {len(request.message)}"
        raise ApiError(400, message, "message")
    ask = Ask(request.message, given_options(request), turn_names=_turn_names(request.message))
    if request.stream:
        return EventStream(_events(call, ask), error_event)
    return json_answer(await call.respond(ask))


def _turn_names(message: str | list[str]) -> list[str]:
    """What the client calls each turn."""
    if isinstance(message, str):
        return ["message"]
    if len(message) % 2 == 0:
        form = "an odd number of turns, the speaker's first and last"
        raise ApiError(400, f"message must hold {form}, got {len(message)}", "message")
    return [f"message[{number}]" for number in range(len(message))]


async def _events(call: Call, ask: Ask) -> AsyncIterator[bytes]:
    async with aclosing(cast("Any", call.stream(ask))) as pieces:
        async for piece in pieces:
            yield event(piece)
