"""The service of the native engine: a thread in C++ (csrc/service) that decodes all requests."""

from __future__ import annotations

import asyncio
import atexit
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar
from weakref import WeakSet

import numpy as np

from mime_fast import _C
from mime_fast.engines.native import NativeEngine, encoder_batch
from mime_fast.generator import EngineRequest
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.service.base import (
    CLOSED,
    DeadlineExceeded,
    DraftCount,
    Limits,
    QueueFull,
    ServiceClosed,
)
from mime_fast.stream import Pieces
from mime_fast.types import Response, TokenEvent

T = TypeVar("T")
_SERVICES: WeakSet[_C.Service] = WeakSet()


@atexit.register
def _close_services() -> None:
    """End the threads before the interpreter does: stop conditions need it."""
    for service in list(_SERVICES):
        service.close()


class _Reply:
    """A reply that the thread makes: what was decoded, as a DecodingSession of one request."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._events: deque[_C.ServiceEvent | BaseException] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._tokens: tuple[int, ...] = ()
        self._log_probs: tuple[float, ...] = ()
        self._replies: list[Hypothesis] = []

    def put(self, event: _C.ServiceEvent | BaseException) -> None:
        """Hand over an event, or the error that comes instead."""
        self._events.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next(self) -> _C.ServiceEvent:
        """The newest event. Raises what the request ended with.

        Earlier ones are taken with it: a loop that is behind gets longer pieces, and catches up.
        """
        if not self._events:
            self._waiter = self._loop.create_future()
            await self._waiter
        event = self._take()
        while self._events:
            event = self._take()
        return event

    def _take(self) -> _C.ServiceEvent:
        event = self._events.popleft()
        if isinstance(event, BaseException):
            raise event
        if event.kind == "expired":
            raise DeadlineExceeded("the request waited for longer than its deadline")
        if event.error is not None:
            raise event.error
        self._tokens += tuple(event.tokens)
        self._log_probs += tuple(event.log_probs)
        self._replies = event.replies
        return event

    def agreed(self, request: int) -> tuple[int, ...]:
        """The tokens that the reply is sure to start with."""
        del request  # there is one
        return self._tokens

    def leader(self, request: int) -> Hypothesis:
        """The agreed tokens with their log-probabilities."""
        del request
        return Hypothesis(self._tokens, sum(self._log_probs), self._log_probs)

    def results(self, request: int) -> list[Hypothesis]:
        """The replies, once they are complete."""
        del request
        return self._replies

    def advance(self) -> bool:
        """False: the thread makes the steps."""
        return False

    def run(self) -> None:
        """Nothing: the thread makes the steps."""


class NativeService:
    """Hands requests to the thread, and its events to those who wait for them."""

    def __init__(self, engine: NativeEngine, limits: Limits) -> None:
        self._service = _C.Service(engine.engine, limits.running, limits.waiting)
        self._replies: dict[int, _Reply] = {}  # by ticket
        self._drafts = DraftCount()
        self._loop: asyncio.AbstractEventLoop | None = None
        _SERVICES.add(self._service)

    @property
    def running(self) -> int:
        """Number of requests that share the steps."""
        return self._service.running

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""
        return self._service.waiting

    @property
    def drafts(self) -> DraftCount:
        """Counts the drafts of all replies so far."""
        return self._drafts

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._service.alive

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read events in this loop."""
        self._detach()
        for ticket in self._replies:  # of a loop that was closed
            self._service.cancel(ticket)
        self._replies.clear()
        loop.add_reader(self._service.fileno(), self._read)
        self._loop = loop

    def _detach(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._service.fileno())
        self._loop = None

    def _read(self) -> None:
        for event in self._service.take_events():
            if event.kind == "done":
                self._count_drafts(*event.drafts)
            if (reply := self._replies.get(event.ticket)) is not None:
                reply.put(event)
        if not self._service.alive:
            self._end_all("its thread has ended")

    def _count_drafts(self, drafted: int, accepted: int) -> None:
        self._drafts = DraftCount(self._drafts.drafted + drafted, self._drafts.accepted + accepted)

    def _end_all(self, reason: str) -> None:
        for reply in self._replies.values():
            reply.put(ServiceClosed(f"the reply was not completed: {reason}"))

    async def respond(self, request: EngineRequest, wait: float | None) -> Response:
        """The reply, once it is complete."""
        ticket, reply = self._submit(request, wait, streams=False)
        try:
            _take(request, await reply.next())
        except BaseException:
            self._service.cancel(ticket)
            raise
        finally:
            self._replies.pop(ticket, None)  # attach() may have
        (response,) = await _call(request, request.responses)
        return response

    async def stream(
        self, request: EngineRequest, wait: float | None
    ) -> AsyncGenerator[TokenEvent, None]:
        """The events of the reply, as tokens become certain."""
        ticket, reply = self._submit(request, wait, streams=not request.options.ranked_samples)
        pieces, done = Pieces(request), False
        try:
            while not done:
                event = await reply.next()
                done = event.kind == "done"
                _take(request, event)
                if not done and (piece := await _call(request, pieces.agreed)) is not None:
                    yield piece
        finally:
            if not done:
                self._service.cancel(ticket)
            self._replies.pop(ticket, None)  # attach() may have
        yield await _call(request, pieces.last)

    def _submit(
        self, request: EngineRequest, wait: float | None, *, streams: bool
    ) -> tuple[int, _Reply]:
        (message,), (seed,) = request.messages, request.seeds
        try:
            ticket = self._service.submit(
                tokens=np.array(message.dialogue.tokens),
                speakers=np.array(message.dialogue.speakers),
                noise=request.noise([seed])[0],
                emotion=-1 if request.emotion is None else request.emotion,
                config=request.options,
                seed=seed,
                rules=request.rules,
                generates=bool(request.generated),
                streams=streams,
                max_wait=wait,
            )
        except _C.QueueFull as error:
            raise QueueFull(str(error)) from None
        except _C.ServiceClosed as error:
            raise ServiceClosed(str(error)) from None
        reply = _Reply(asyncio.get_running_loop())
        self._replies[ticket] = request.decoding = reply
        return ticket, reply

    async def close(self) -> None:
        """Cancel what runs and waits, and end the thread."""
        self._end_all(CLOSED)
        await asyncio.to_thread(self._service.close)
        self._detach()


def _take(request: EngineRequest, event: _C.ServiceEvent) -> None:
    if event.encoded is None:
        raise ServiceClosed(f"an event {event.kind!r} came without what was encoded")
    if not request.encodings:
        request.encoded = encoder_batch([event.encoded])
        request.encodings[0] = request.encoded, 0
    request.encode_ms, request.decode_ms = event.encode_ms, event.decode_ms


async def _call(request: EngineRequest, function: Callable[[], T]) -> T:
    """Call what may run the engine, or rank many samples, on another thread."""
    options = request.options
    if options.logprobs is None and not options.ranked_samples:
        return function()
    return await asyncio.to_thread(function)
