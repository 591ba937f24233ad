"""AsyncGenerator: replies for asyncio, of many requests at once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator as AsyncEvents
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from numbers import Real
from types import TracebackType
from typing import Any, Self

from mime_fast.config import GenerationConfig, require
from mime_fast.engines.base import Unpicklable
from mime_fast.generator import EngineRequest, Generator
from mime_fast.read_message import Message, takes_long
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

SHORTEST_WAIT = 1e-3  # seconds that are left to a request whose message was read in time

_Read = EngineRequest | Callable[[], EngineRequest]


class AsyncGenerator(Unpicklable):
    """Answers the requests of an event loop with a Generator; they share its engine.

    Each request has its own options and seed, and gets the reply that Generator.respond gives. It
    leaves the batch at the next step if the task that awaits it is cancelled, or the iterator of
    the stream is closed. Long messages are read on another thread, one after the other.

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
        max_running: int = Limits.running,
        max_waiting: int = Limits.waiting,
        max_wait_seconds: float | None = None,
    ) -> None:
        self._generator = generator
        self._max_wait = _checked_wait("max_wait_seconds", max_wait_seconds)
        self._limits = Limits(max_running, max_waiting)
        self._service = create_service(generator.engine, self._limits)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader = ThreadPoolExecutor(1, "mime_fast-reader")
        self._reading = 0  # long messages that are read, or wait for it
        self._calls: set[object] = set()
        self._idle: asyncio.Event | None = None  # while drain() waits
        self._refused: str | None = None  # why new requests are

    @property
    def running(self) -> int:
        """Number of requests that are being answered."""
        return self._service.running

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""
        return self._service.waiting + self._reading

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
        wait, read = self._wait(deadline), self._reading_of(message, config, options)
        call = self._begin()
        try:
            request, wait = await self._read(read, wait)
            return await self._service.respond(request, wait)
        finally:
            self._end(call)

    def stream(
        self,
        message: Message,
        config: GenerationConfig | None = None,
        *,
        deadline: float | None = None,
        **options: Any,
    ) -> AsyncIterator[TokenEvent]:
        """Answer one message piece by piece: the events of Generator.stream.

        Options are checked here and now, and so is the message unless it is long. QueueFull is
        raised here, too, if others wait already. The request begins with the first `anext`, which
        raises what respond raises. `aclose()` of the iterator, which is an async generator, cancels
        the request.
        """
        wait, read = self._wait(deadline), self._reading_of(message, config, options)
        return self._events(read, wait)

    async def _events(self, read: _Read, wait: float | None) -> AsyncEvents[TokenEvent, None]:
        call = self._begin()
        try:
            request, wait = await self._read(read, wait)
            async with aclosing(self._service.stream(request, wait)) as events:
                async for event in events:
                    yield event
        finally:
            self._end(call)

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
        self._reader.shutdown(wait=False)
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

    def _refusal(self) -> ServiceClosed:
        return ServiceClosed(f"the AsyncGenerator takes no requests: {self._refused}")

    def _check_room(self) -> None:
        """Refuse a request before time goes into reading it, if it could not even wait.

        One that finds nobody waiting may still run at once.
        """
        waiting = self._service.waiting
        if waiting and self._loop is not None and not self._loop.is_closed():
            self._limits.check_room(self._service.running, waiting)

    def _reading_of(
        self, message: Message, config: GenerationConfig | None, options: dict[str, Any]
    ) -> _Read:
        """The request, or what makes it of a long message; options are checked in either case."""
        self._check_room()
        if not takes_long(message):
            return self._generator.request([message], config, options)
        checked = self._generator.options(config, options)
        return partial(self._generator.request, [message], checked, {})

    async def _read(self, read: _Read, wait: float | None) -> tuple[EngineRequest, float | None]:
        """The request, and how long it may still wait."""
        if isinstance(read, EngineRequest):
            return read, wait
        if self._reading >= self._limits.waiting:
            raise QueueFull(
                f"{self._reading} long messages wait to be read, as many as may; "
                "try again later, or raise max_waiting"
            )
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._reading += 1
        try:
            async with asyncio.timeout(wait):
                request = await loop.run_in_executor(self._reader, read)
        except TimeoutError:
            raise DeadlineExceeded("the request waited for longer than its deadline") from None
        finally:
            self._reading -= 1
        if self._refused == CLOSED:  # meanwhile; one that is drained answers it
            raise self._refusal()
        left = None if wait is None else max(wait - (loop.time() - started), SHORTEST_WAIT)
        return request, left

    def _begin(self) -> tuple[set[object], object]:
        """Count a call among those of this event loop, which are returned with it."""
        if self._refused is not None:
            raise self._refusal()
        self._attach(asyncio.get_running_loop())
        call = object()
        self._calls.add(call)
        return self._calls, call

    def _end(self, begun: tuple[set[object], object]) -> None:
        calls, call = begun
        calls.discard(call)
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


def _checked_wait(name: str, seconds: Any) -> float | None:
    is_number = isinstance(seconds, Real) and not isinstance(seconds, bool)
    require(
        seconds is None or (is_number and seconds > 0),
        f"{name} must be above 0 seconds, got {seconds!r:.60}; give a number, or None for any time",
    )
    return None if seconds is None or seconds == math.inf else float(seconds)
