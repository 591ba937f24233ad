"""A path of the server as an ASGI application: key, handler, errors, metrics, log."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from starlette.types import Receive, Scope, Send

from mime_fast.async_generator import ServiceClosed
from mime_fast.server.body import ClientGone
from mime_fast.server.call import STOPPED, Call
from mime_fast.server.disconnect import UntilGone, gone
from mime_fast.server.errors import ApiError, to_api_error
from mime_fast.server.metrics import REFUSALS
from mime_fast.server.state import ServerState

log = logging.getLogger("mime_fast.server")
encode = msgspec.json.encode
Headers = list[tuple[bytes, bytes]]
CLOSE = "mime_fast.close"  # an extension of the scope: closes the connection
STREAM_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx passes each piece on at once
]


@dataclass
class Answer:
    """A whole answer."""

    body: bytes
    status: int = 200
    media_type: bytes = b"application/json"
    headers: Headers = field(default_factory=list)


@dataclass
class EventStream:
    """Events of an answer as they come, encoded. on_error: the event that ends a broken one."""

    events: AsyncIterator[bytes]
    on_error: Callable[[ApiError], bytes]


Handler = Callable[[Call], Awaitable[Answer | EventStream]]


def json_answer(value: Any, status: int = 200) -> Answer:
    """An answer of JSON."""
    return Answer(encode(value), status)


def error_answer(error: ApiError) -> Answer:
    """An error in its one form."""
    return Answer(encode(error.body()), error.status, headers=error.headers())


def event(value: Any, name: bytes = b"") -> bytes:
    """A server-sent event."""
    head = b"event: " + name + b"\n" if name else b""
    return head + b"data: " + encode(value) + b"\n\n"


def error_event(error: ApiError) -> bytes:
    """The event of an error in a stream."""
    return event(error.body())


class Endpoint:
    """Answers the requests to one path. guarded: it asks for an API key."""

    def __init__(self, state: ServerState, name: str, handler: Handler, *, guarded: bool) -> None:
        self._state, self._name, self._handler, self._guarded = state, name, handler, guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; every failure is an answer, too, unless nobody reads it."""
        call = Call(self._state, scope, receive)
        status = 499  # as nginx: the client was gone
        try:
            status = await self._answer(call, send)
        except ClientGone:
            self._state.metrics.disconnects.inc()
        finally:
            call.count()
            self._log(call, status)

    async def _answer(self, call: Call, send: Send) -> int:
        try:
            if self._guarded:
                self._state.keys.check(call.scope)
            answer = await self._handle(call)
            if isinstance(answer, EventStream):
                return await self._send_stream(answer, call, send)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - the client gets an error in our form
            answer = error_answer(self._failed(error))
        await send_answer(answer, send)
        return answer.status

    async def _handle(self, call: Call) -> Answer | EventStream:
        try:
            return await self._handler(call)
        except asyncio.CancelledError:
            if not self._state.draining:
                raise
            # The time of the drain is over, and the request has not come as a whole.
            raise ServiceClosed(STOPPED) from None

    async def _send_stream(self, stream: EventStream, call: Call, send: Send) -> int:
        failure = None
        body = {"type": "http.response.body", "more_body": True}
        async with (
            UntilGone(call.scope, call.receive),
            aclosing(cast("Any", stream.events)) as events,
        ):
            first = await anext(events)  # what fails before it has a status of its own
            await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
            await send({**body, "body": first})
            try:
                async for each in events:
                    await send({**body, "body": each})
            except Exception as error:  # noqa: BLE001 - likewise
                failure = self._failed(error)
                await send({**body, "body": stream.on_error(failure)})
            else:
                await send({"type": "http.response.body", "body": b""})
        if failure is not None:
            await _break_off(call)
        return 200 if failure is None else failure.status

    def _failed(self, error: Exception) -> ApiError:
        state = self._state
        failure = to_api_error(error, state.retry_after())
        if failure.code in REFUSALS:
            state.metrics.refused[failure.code].inc()
        elif failure.status >= 500:
            state.metrics.failures.inc()
        if failure.code == "internal":
            frames = "".join(traceback.format_tb(error.__traceback__))
            text = f": {error}" if state.options.log_texts else ""  # it may repeat the message
            log.error("%s failed with %s%s\n%s", self._name, type(error).__name__, text, frames)
        return failure

    def _log(self, call: Call, status: int) -> None:
        if not self._state.options.access_log:
            return
        milliseconds = 1e3 * (time.perf_counter() - call.started)
        texts = f" {encode(call.texts).decode()}" if call.texts else ""
        log.info(
            "%s %s %d %.1f ms %d tokens%s",
            *(call.scope["method"], self._name, status, milliseconds, call.tokens, texts),
        )


async def send_answer(answer: Answer, send: Send) -> None:
    """Send a whole answer."""
    headers = [
        (b"content-type", answer.media_type),
        (b"content-length", b"%d" % len(answer.body)),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _break_off(call: Call) -> None:
    """Close the connection in the middle of the answer, so that its end is no clean one."""
    close = call.scope.get("extensions", {}).get(CLOSE)
    if close is not None:  # other servers close it as the answer was not completed
        close()
        await gone(call.receive)
