"""A request ends when its client is gone: nobody would read the reply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from starlette.types import Receive, Scope

from mime_fast.server.body import ClientGone

# An extension of the scope: calls a function when the connection is lost; None: calls none.
WATCH = "mime_fast.watch"
Watch = Callable[[Callable[[], None] | None], None]


class UntilGone:
    """Within it, the task is cancelled when the client closes the connection: ClientGone.

    The body of the request was read before. Our protocol tells when the connection is lost; with
    other servers a task waits for it, which costs 13 us.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._watch: Watch | None = scope.get("extensions", {}).get(WATCH)
        self._receive, self._gone = receive, False

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._watch is not None:
            self._watch(self._end)
        else:
            self._watcher = asyncio.create_task(self._wait())
        return self

    async def _wait(self) -> None:
        await gone(self._receive)
        self._end()

    def _end(self) -> None:
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch(None)
        else:
            self._watcher.cancel()
        if self._gone and self._task is not None:
            self._task.uncancel()
            if kind is asyncio.CancelledError:
                raise ClientGone from None


async def gone(receive: Receive) -> None:
    """Wait until the connection is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass
