"""Accepting connections: all that wait, in each turn of the event loop.

uvloop accepts one in a turn (libuv 1.45, #3696). A busy loop then leaves new clients in the
system's queue for seconds. There no limit of ours holds, and nobody is told to come again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
from collections.abc import Callable, Collection

from mime_fast.server.endpoint import encode
from mime_fast.server.errors import ApiError

log = logging.getLogger("mime_fast.server")
MOST_IN_A_TURN = 4096  # more than wait in a system's queue, as a rule
PAUSE = 0.5  # seconds after the system refused one more file
LINGER = 1.0  # seconds in which a refused client reads why: a close at once may reset it
# A full server answers probes, or it would be restarted for its load. Their requests come whole.
PROBE = re.compile(rb"(?:GET|HEAD) /(?:health|ready|metrics|version)(?:\?\S*)? HTTP/1\.[01]\r\n")
PROBE_BYTES, PROBE_SECONDS = 4096, 1.0  # of a probe's request; in which it begins
MOST_HELD = 64  # connections whose first bytes are waited for
Protocols = Callable[[], asyncio.Protocol]


def _refusal() -> bytes:
    """An answer that is sent unread: a request that is parsed first would wait with the others."""
    message = "too many clients are connected; try again later"
    error = ApiError(429, message, code="too_many_connections", retry_after=1.0, close=True)
    body = encode(error.body())
    headers = [*error.headers(), (b"content-type", b"application/json")]
    head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    length = b"content-length: %d\r\n\r\n" % len(body)
    return b"HTTP/1.1 429 Too Many Requests\r\n" + head + length + body


REFUSAL = _refusal()


class Acceptor:
    """Accepts the connections of a socket until it is closed; uvicorn's servers look like it.

    Args:
        listener: the socket.
        connected: makes the protocol of a connection.
        is_full: whether a new connection is one too many; it gets the protocols of those that are
            being made, some of which are connected already. One too many is refused, unless it is
            a probe's, for which `probed` makes the protocol.
        refused: counts those that are refused.
    """

    def __init__(
        self,
        listener: socket.socket,
        connected: Protocols,
        *,
        is_full: Callable[[Collection[asyncio.Protocol]], bool] = lambda _: False,
        probed: Protocols | None = None,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener, self._connected, self._is_full = listener, connected, is_full
        self._probed, self._count_refused = probed or connected, refused
        self._connecting: dict[asyncio.Task[object], asyncio.Protocol] = {}
        self._held: dict[socket.socket, asyncio.TimerHandle] = {}  # the oldest first
        self._refused: set[socket.socket] = set()
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
            connection.setblocking(False)
            if self._is_full(self._connecting.values()):
                self._hold(connection)
            else:
                self._connect(connection, self._connected)

    def _hold(self, connection: socket.socket) -> None:
        """Wait for the first bytes of one connection too many; the oldest of many is refused."""
        if len(self._held) >= MOST_HELD:
            self._refuse(next(iter(self._held)))
        self._loop.add_reader(connection, self._look, connection)
        self._held[connection] = self._loop.call_later(PROBE_SECONDS, self._refuse, connection)

    def _look(self, connection: socket.socket) -> None:
        start = b""
        with contextlib.suppress(OSError):
            start = connection.recv(PROBE_BYTES, socket.MSG_PEEK)
        if PROBE.match(start) and b"\r\n\r\n" in start:
            self._release(connection)
            self._connect(connection, self._probed)
        else:
            self._refuse(connection)

    def _release(self, connection: socket.socket) -> None:
        self._held.pop(connection).cancel()
        self._loop.remove_reader(connection)

    def _refuse(self, connection: socket.socket) -> None:
        self._release(connection)
        self._count_refused()
        with contextlib.suppress(OSError):  # the client is gone already
            connection.send(REFUSAL)
            connection.shutdown(socket.SHUT_WR)
        self._refused.add(connection)
        self._loop.call_later(LINGER, self._drop, connection)

    def _drop(self, connection: socket.socket) -> None:
        self._refused.discard(connection)
        connection.close()

    def _connect(self, connection: socket.socket, protocols: Protocols) -> None:
        protocol = protocols()
        task = self._loop.create_task(
            self._loop.connect_accepted_socket(lambda: protocol, connection)
        )
        self._connecting[task] = protocol
        task.add_done_callback(self._connecting.pop)

    def close(self) -> None:
        """Accept no more."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listener)
            for connection in list(self._held):
                self._refuse(connection)
            for connection in list(self._refused):
                self._drop(connection)

    async def wait_closed(self) -> None:
        """Return at once: what was accepted has its own end."""
