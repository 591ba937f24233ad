"""A request ends when its client is gone: nobody would read the reply."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from starlette.types import Receive

from mime_fast.server.body import ClientGone


class UntilGone:
    """Within it, the task is cancelled when the client closes the connection: ClientGone.

    The body of the request was read before.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive, self._gone = receive, False

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def _watch(self) -> None:
        await gone(self._receive)
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._watcher.cancel()
        if self._gone and self._task is not None:
            self._task.uncancel()
            if kind is asyncio.CancelledError:
                raise ClientGone from None


async def gone(receive: Receive) -> None:
    """Wait until the connection is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass
