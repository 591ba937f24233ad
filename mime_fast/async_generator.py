"""AsyncGenerator: the replies of a Generator for asyncio, with limits on how many are made."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Self

from mime_fast.config import GenerationConfig, require
from mime_fast.generator import Generator, Message
from mime_fast.types import Response, TokenEvent


class QueueFull(RuntimeError):  # noqa: N818 - as asyncio.QueueFull
    """max_waiting requests wait already."""


class DeadlineExceeded(TimeoutError):  # noqa: N818 - the term of gRPC
    """The request waited longer than it may; it was not begun."""


class ServiceClosed(RuntimeError):  # noqa: N818 - a state, not a fault
    """No new request is taken: drain() or aclose() was called."""


class AsyncGenerator:
    """Answers requests of one event loop; cancelling one ends its decoding at the next step.

    Args:
        generator: its threads, weights and options are used.
        max_running: requests that are decoded at once.
        max_waiting: requests that wait for that; one more raises QueueFull.
        max_wait_seconds: how long one may wait, unless its own `deadline` is shorter; None: as long
            as it takes.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        max_running: int = 32,
        max_waiting: int = 1024,
        max_wait_seconds: float | None = None,
    ) -> None:
        require(max_running >= 1, f"max_running must be at least 1, got {max_running}")
        require(max_waiting >= 0, f"max_waiting must be at least 0, got {max_waiting}")
        self.generator = generator
        self.running = 0
        self._limits = max_running, max_waiting, max_wait_seconds
        self._pool = ThreadPoolExecutor(max_running, thread_name_prefix="mime-fast")
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._given_up: set[threading.Event] = set()
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """Requests that have not begun."""
        return sum(not waiter.done() for waiter in self._waiters)

    @property
    def alive(self) -> bool:
        """Whether requests can be answered at all."""
        return not self._pool._shutdown  # noqa: SLF001 - the pool has no public name for it

    async def respond(
        self,
        message: Message,
        config: GenerationConfig | None = None,
        *,
        deadline: float | None = None,
        **options: Any,
    ) -> Response:
        """Answer one message, as Generator.respond. deadline: seconds that it may wait."""
        response = None
        async for event in self.stream(message, config, deadline=deadline, **options):
            response = event.response
        assert response is not None  # noqa: S101 - the last event has it
        return response

    async def stream(
        self,
        message: Message,
        config: GenerationConfig | None = None,
        *,
        deadline: float | None = None,
        **options: Any,
    ) -> AsyncIterator[TokenEvent]:
        """Answer one message piece by piece, as Generator.stream."""
        events = self.generator.stream(message, config, **options)
        async with self._turn(deadline):
            loop = asyncio.get_running_loop()
            queue: asyncio.Queue[TokenEvent | BaseException | None] = asyncio.Queue()
            given_up = threading.Event()

            def put(item: TokenEvent | BaseException | None) -> None:
                loop.call_soon_threadsafe(queue.put_nowait, item)

            def work() -> None:
                try:
                    for event in events:
                        if given_up.is_set():
                            events.close()
                            break
                        put(event)
                    put(None)
                except BaseException as error:  # noqa: BLE001 - raised where it is awaited
                    put(error)

            self._given_up.add(given_up)
            thread = loop.run_in_executor(self._pool, work)
            try:
                while (item := await queue.get()) is not None:
                    if isinstance(item, BaseException):
                        raise item
                    yield item
                if given_up.is_set():
                    raise ServiceClosed("the service was closed while the reply was made")
            finally:
                given_up.set()
                self._given_up.discard(given_up)
                await asyncio.shield(thread)

    @asynccontextmanager
    async def _turn(self, deadline: float | None) -> AsyncIterator[None]:
        await self._begin(deadline)
        try:
            yield
        finally:
            self._end()

    async def _begin(self, deadline: float | None) -> None:
        max_running, max_waiting, max_wait = self._limits
        if self._closed:
            raise ServiceClosed("the service takes no new requests; ask another one, or later")
        if self.running < max_running:
            self.running += 1
            self._idle.clear()
            return
        if self.waiting >= max_waiting:
            raise QueueFull(f"{max_waiting} requests wait already (max_waiting); try again later")
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        limits = [limit for limit in (deadline, max_wait) if limit is not None]
        started = time.monotonic()
        try:
            async with asyncio.timeout(min(limits, default=None)):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._end()  # its turn came as it was given up
            if not isinstance(error, TimeoutError):
                raise
            waited = time.monotonic() - started
            raise DeadlineExceeded(
                f"the request waited {waited:.3f} s, longer than it may; try again later"
            ) from None

    def _end(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)  # the turn goes over to it
                return
        self.running -= 1
        if not self.running:
            self._idle.set()

    async def warmup(self, **options: Any) -> None:
        """Generator.warmup, in a thread."""
        await asyncio.to_thread(self.generator.warmup, **options)

    async def drain(self) -> None:
        """Take no new request, and wait for those that were taken."""
        self._closed = True
        await self._idle.wait()

    async def aclose(self) -> None:
        """Take no new request, and end those that were taken: they raise ServiceClosed."""
        self._closed = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(ServiceClosed("the service was closed"))
        for given_up in self._given_up:
            given_up.set()
        await asyncio.to_thread(self._pool.shutdown)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
