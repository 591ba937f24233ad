"""Accepting connections: all that wait, in each turn of the event loop.

uvloop accepts one in a turn (libuv 1.45, #3696). A busy loop then leaves new clients in the
system's queue for seconds, where no limit of ours holds and nobody is told to come again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

log = logging.getLogger("mime_fast.server")
MOST_IN_A_TURN = 256
PAUSE = 0.5  # seconds after the system refused one more file


class Acceptor:
    """Accepts the connections of a socket until it is closed; uvicorn's servers look like it."""

    def __init__(self, listener: socket.socket, connected: Callable[[], asyncio.Protocol]) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener, self._connected = listener, connected
        self._tasks: set[asyncio.Task[object]] = set()
        self._closed = False
        listener.setblocking(False)
        self._resume()

    def _resume(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(MOST_IN_A_TURN):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:  # too many open files: those that wait go on waiting
                log.warning("no connection is accepted now: %s", error.strerror)
                self._loop.remove_reader(self._listener)
                self._loop.call_later(PAUSE, self._resume)
                return
            self._connect(connection)

    def _connect(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connecting = self._loop.connect_accepted_socket(self._connected, connection)
        task = self._loop.create_task(connecting)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Accept no more."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Return at once: what was accepted has its own end."""
