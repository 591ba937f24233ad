"""A service for engines without one of their own: some threads that make a reply each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from mime_fast.generator import EngineRequest
from mime_fast.service.base import (
    CLOSED,
    DeadlineExceeded,
    DraftCount,
    Limits,
    ServiceClosed,
)
from mime_fast.stream import Pieces
from mime_fast.types import Response, TokenEvent

T = TypeVar("T")
THREADS = 4  # replies at a time: torch shares the cores among them


class Admission:
    """Which requests run, and which wait: first come, first served."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._queue: deque[asyncio.Future[None]] = deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        """Number of requests in the queue."""
        return sum(not waiter.done() for waiter in self._queue)

    async def enter(self, wait: float | None) -> None:
        """Wait until the request may run, at most so many seconds."""
        if self.running < self._limits.running:
            self.running += 1
            return
        self._limits.check_room(self.running, self.waiting)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(waiter)
        try:
            async with asyncio.timeout(wait):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.leave()  # it was admitted too late
            if isinstance(error, TimeoutError):
                raise DeadlineExceeded(f"the request waited for {wait} s, its deadline") from None
            raise

    def leave(self) -> None:
        """End a request that ran; the one that has waited longest follows."""
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                return waiter.set_result(None)
        self.running -= 1
        return None

    def close(self) -> None:
        """Refuse those that wait."""
        for waiter in self._queue:
            if not waiter.done():
                waiter.set_exception(ServiceClosed(CLOSED))


def call_in(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *values: Any) -> None:
    """Call a function in another thread's event loop, unless it was closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *values)


class _Work:
    """A request that a thread answers."""

    def __init__(self, request: EngineRequest) -> None:
        self._request = request
        self._loop = asyncio.get_running_loop()
        self.items: asyncio.Queue[TokenEvent | BaseException] = asyncio.Queue()  # of a stream
        self.cancelled = False

    def respond(self) -> Response:
        """Make the reply."""
        for _ in self._steps():
            pass
        (response,) = self._request.responses()
        return response

    def stream(self) -> None:
        """Make the reply; its events, or an error, get into `items`."""
        pieces = Pieces(self._request)
        try:
            for _ in self._steps():
                if (event := pieces.agreed()) is not None:
                    self._put(event)
            self._put(pieces.last())
        except BaseException as error:  # noqa: BLE001 - it is raised where the reply is awaited
            self._put(error)

    def _steps(self) -> Iterator[None]:
        for _ in self._request.steps():
            if self.cancelled:
                raise ServiceClosed(CLOSED)
            yield

    def _put(self, item: TokenEvent | BaseException) -> None:
        call_in(self._loop, self.items.put_nowait, item)


class ThreadService:
    """Makes each reply on a thread: nothing is batched."""

    def __init__(self, limits: Limits) -> None:
        self._limits = Limits(min(limits.running, THREADS), limits.waiting)
        self._admission = Admission(self._limits)
        self._threads = ThreadPoolExecutor(self._limits.running, "mime_fast")
        self._works: set[_Work] = set()
        self._closed = False

    @property
    def running(self) -> int:
        """Number of requests that a thread answers."""
        return self._admission.running

    @property
    def waiting(self) -> int:
        """Number of requests that wait for a thread."""
        return self._admission.waiting

    @property
    def drafts(self) -> DraftCount:
        """Always (0, 0): these engines count no drafts."""
        return DraftCount()

    @property
    def alive(self) -> bool:
        """Whether there are threads."""
        return not self._closed

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use another event loop from now on."""
        del loop
        self._admission = Admission(self._limits)

    async def respond(self, request: EngineRequest, wait: float | None) -> Response:
        """The reply, made on a thread."""
        async with self._admitted(request, wait) as work:
            return await self._start(work, work.respond)

    async def stream(
        self, request: EngineRequest, wait: float | None
    ) -> AsyncGenerator[TokenEvent, None]:
        """The events of the reply, as the thread makes them."""
        async with self._admitted(request, wait) as work:
            self._start(work, work.stream)
            final = False
            while not final:
                item = await work.items.get()
                if isinstance(item, BaseException):
                    raise item
                final = item.final
                yield item

    @asynccontextmanager
    async def _admitted(
        self, request: EngineRequest, wait: float | None
    ) -> AsyncGenerator[_Work, None]:
        await self._admission.enter(wait)
        work = _Work(request)
        try:
            yield work
        finally:
            work.cancelled = True

    def _start(self, work: _Work, call: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                found = call()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
                call_in(loop, self._end, work, result, result.set_exception, error)
            else:
                call_in(loop, self._end, work, result, result.set_result, found)

        self._works.add(work)
        self._threads.submit(run)
        return result

    def _end(
        self, work: _Work, result: asyncio.Future[T], finish: Callable[[Any], None], value: Any
    ) -> None:
        self._works.discard(work)
        self._admission.leave()
        if not result.done():
            finish(value)

    async def close(self) -> None:
        """Cancel what runs and waits, and end the threads."""
        self._closed = True
        self._admission.close()
        for work in self._works:
            work.cancelled = True
        await asyncio.to_thread(self._threads.shutdown)
