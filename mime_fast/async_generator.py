"""AsyncGenerator: replies for asyncio, of many requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator as AsyncEvents
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

from mime_fast.config import GenerationConfig, require
from mime_fast.engines.base import Unpicklable
from mime_fast.generator import EngineRequest, Generator
from mime_fast.read_message import Message
from mime_fast.service import (
    CLOSED,
    DeadlineExceeded,
    DraftCount,
    Limits,
    QueueFull,
    ServiceClosed,
    create_service,
)
from mime_fast.types import Response, TokenEvent

__all__ = ["AsyncGenerator", "DeadlineExceeded", "QueueFull", "ServiceClosed"]


class AsyncGenerator(Unpicklable):
    """Answers the requests of an event loop with a Generator; they share its engine.

    Each request has its own options and seed, and gets the reply that Generator.respond gives. It
    leaves the batch at the next step if the task that awaits it is cancelled, or the iterator of
    the stream is closed.

    Args:
        generator: it may be called directly meanwhile.
        max_running: requests that are answered at the same time.
        max_waiting: requests that may wait; more are refused with QueueFull.
        max_wait_seconds: how long a request may wait, unless its own `deadline` is shorter; None:
            any time.

    Raises:
        ValueError: a limit is out of range.
        OSError: the system starts no thread, or opens no more files.

    One event loop at a time may use it. Close it with `aclose`, or use `async with`.

    Example:
        >>> async with AsyncGenerator(Generator()) as replies:
        ...     print((await replies.respond("I lost my dog yesterday.")).text)
        ...     async for event in replies.stream("My sister is visiting!"):
        ...         print(event.text, end="")
    """

    def __init__(
        self,
        generator: Generator,
        *,
        max_running: int = 32,
        max_waiting: int = 1024,
        max_wait_seconds: float | None = None,
    ) -> None:
        self._generator = generator
        self._max_wait = _checked_wait("max_wait_seconds", max_wait_seconds)
        limits = Limits(max_running, max_waiting)
        self._service = create_service(generator.engine, limits)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: set[EngineRequest] = set()
        self._idle: asyncio.Event | None = None  # while drain() waits
        self._refused: str | None = None  # why new requests are

    @property
    def running(self) -> int:
        """Number of requests that are being answered."""
        return self._service.running

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""
        return self._service.waiting

    @property
    def drafts(self) -> DraftCount:
        """Words that were drafted so far, and those of them that were right (native engine)."""
        return self._service.drafts

    @property
    def alive(self) -> bool:
        """Whether requests can be answered: False once it is closed, or its thread has ended."""
        return self._service.alive

    async def respond(
        self,
        message: Message,
        config: GenerationConfig | None = None,
        *,
        deadline: float | None = None,
        **options: Any,
    ) -> Response:
        """Answer one message, or a history of turns, as Generator.respond does.

        Args:
            message: a text, or turns: speaker first, alternating, speaker last.
            config: options; `options` override them.
            deadline: seconds that the request may wait before its first step, at most
                max_wait_seconds; None: max_wait_seconds.
            options: those of GenerationConfig.

        Raises:
            QueueFull: as many requests run and wait as may; nothing was computed.
            DeadlineExceeded: the request was dropped while it waited; nothing was computed.
            ServiceClosed: it is drained or closed, or its thread has ended.
            ValueError, TypeError: the message or an option is wrong.
        """
        request, wait = self._generator.request([message], config, options), self._wait(deadline)
        calls = self._begin(request)
        try:
            return await self._service.respond(request, wait)
        finally:
            self._end(calls, request)

    def stream(
        self,
        message: Message,
        config: GenerationConfig | None = None,
        *,
        deadline: float | None = None,
        **options: Any,
    ) -> AsyncIterator[TokenEvent]:
        """Answer one message piece by piece: the events of Generator.stream.

        Message and options are checked here and now. The request begins with the first `anext`,
        which raises what respond raises. `aclose()` of the iterator, which is an async generator,
        cancels the request.
        """
        request, wait = self._generator.request([message], config, options), self._wait(deadline)
        return self._events(request, wait)

    async def _events(
        self, request: EngineRequest, wait: float | None
    ) -> AsyncEvents[TokenEvent, None]:
        calls = self._begin(request)
        events = self._service.stream(request, wait)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()
            self._end(calls, request)

    async def warmup(self, **options: Any) -> None:
        """Run Generator.warmup with these arguments on another thread."""
        await asyncio.to_thread(self._generator.warmup, **options)

    async def drain(self) -> None:
        """Refuse new requests with ServiceClosed, and wait for those that run and wait."""
        self._refuse("it is being drained; send requests to another process")
        while self._calls:
            self._idle = self._idle or asyncio.Event()
            await self._idle.wait()

    async def aclose(self) -> None:
        """Cancel all requests, whose callers get ServiceClosed, and end the threads."""
        self._refuse(CLOSED)
        await self._service.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _wait(self, deadline: float | None) -> float | None:
        limits = self._max_wait, _checked_wait("deadline", deadline)
        return min((limit for limit in limits if limit is not None), default=None)

    def _refuse(self, reason: str) -> None:
        self._refused = reason

    def _begin(self, request: EngineRequest) -> set[EngineRequest]:
        """Count a request among those of this event loop, which are returned."""
        if self._refused is not None:
            raise ServiceClosed(f"the AsyncGenerator takes no requests: {self._refused}")
        self._attach(asyncio.get_running_loop())
        self._calls.add(request)
        return self._calls

    def _end(self, calls: set[EngineRequest], request: EngineRequest) -> None:
        calls.discard(request)
        if not self._calls and self._idle is not None:
            self._idle.set()

    def _attach(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is self._loop:
            return
        if self._calls and self._loop is not None and not self._loop.is_closed():
            raise RuntimeError(
                "another event loop is using this AsyncGenerator; make one for each loop"
            )
        self._calls = set()  # those of a closed loop may never end
        self._loop = loop
        self._service.attach(loop)


def _checked_wait(name: str, seconds: float | None) -> float | None:
    require(seconds is None or seconds > 0, f"{name} must be above 0 seconds, got {seconds}")
    return seconds
