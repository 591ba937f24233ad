"""HTTP on a connection, with the limits that uvicorn does not have: headers, their time, readers.

Headers are limited before they are parsed as a whole. A client that reads nothing is cut off: its
answer would stay in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mime_fast.server.body import FAILURE
from mime_fast.server.disconnect import WATCH
from mime_fast.server.endpoint import CLOSE, encode
from mime_fast.server.errors import ApiError
from mime_fast.server.hosts import is_allowed
from mime_fast.server.state import ServerState

REASONS = {
    400: b"Bad Request",
    403: b"Forbidden",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
}


def limited_protocol(state: ServerState) -> type[asyncio.Protocol]:
    """The protocol of a server, as a class: uvicorn makes one for each connection."""

    class Protocol(LimitedProtocol):
        shared = state

    return Protocol


class LimitedProtocol(HttpToolsProtocol):
    """A connection. is_single: it is closed after one answer."""

    shared: ServerState
    is_single = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_headers, self._header_bytes = False, 0
        self._refused = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None
        self._unread = 0
        self._is_lost = False
        self._unanswered: list[RequestResponseCycle] = []  # uvicorn keeps the last one only
        self._on_lost: Callable[[], None] | None = None

    # ---- Headers

    def connection_made(self, transport: Any) -> None:
        """Wait for headers."""
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_timer("_header_timer")
        self._stop_timer("_read_timer")
        self._is_lost = True
        for cycle in self._unanswered:  # a client may have sent several requests at once
            cycle.disconnected = True
        if self._on_lost is not None:
            self._on_lost()
        super().connection_lost(exc)

    def _watch(self, on_lost: Callable[[], None] | None) -> None:
        """Call it when the connection is lost; it is that of the one request that is answered."""
        self._on_lost = on_lost
        if self._is_lost and on_lost is not None:
            on_lost()

    def _has_request(self) -> bool:
        """Whether one is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _expect_headers(self) -> None:
        if self._header_timer is None:
            seconds = self.shared.options.request_seconds
            self._header_timer = self.loop.call_later(seconds, self._headers_are_late)

    def _headers_are_late(self) -> None:
        self._header_timer = None
        self._refuse(ApiError(408, "the headers did not come in time; send them faster"))

    def _stop_timer(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the connection was refused."""
        if self._refused:
            return
        super().data_received(data)
        if self._in_headers or not self._has_request():
            self._expect_headers()
        if self._in_headers:  # all of the data was
            self._header_bytes += len(data)
            self._check_headers(self._header_bytes)

    def on_message_begin(self) -> None:
        """Begin to count the headers."""
        super().on_message_begin()
        extensions = {CLOSE: self.transport.close, WATCH: self._watch}
        cast("dict[str, Any]", self.scope)["extensions"] = extensions
        self._in_headers, self._header_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Start the request if its headers are small enough."""
        self._in_headers = False
        self._stop_timer("_header_timer")
        sizes = (len(name) + len(value) + 4 for name, value in self.headers)
        if self._check_headers(len(self.url) + sum(sizes)) and self._check_host():
            super().on_headers_complete()
            waiting = (cycle for cycle in self._unanswered if not cycle.response_complete)
            self._unanswered = [*waiting, self.cycle]
            if self.is_single:
                self.cycle.keep_alive = False

    def _check_headers(self, size: int) -> bool:
        most = self.shared.options.max_header_bytes
        if size > most and not self._refused:
            message = f"the headers have more than {most} bytes, the limit of this server"
            self._refuse(ApiError(431, message))
        return not self._refused

    def _check_host(self) -> bool:
        names = self.shared.host_names
        host = next((value for name, value in self.headers if name == b"host"), None)
        if names is not None and host is not None and not is_allowed(host, names):
            given = host.decode("latin-1")
            message = f"the host {given!r:.80} is not served; start with --allowed-host NAME for it"
            self._refuse(ApiError(403, message))
        return not self._refused

    def on_body(self, body: bytes) -> None:
        """Hand on a part of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Hand on the end of the body."""
        if not self._refused:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in the one form of errors."""
        self._refuse(ApiError(400, msg.rstrip(".") + "; send HTTP/1.1"))

    def _refuse(self, error: ApiError) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        if self._has_request():
            self._fail_request(error)
            return
        body = encode(error.body())
        head = b"HTTP/1.1 %d %s\r\n" % (error.status, REASONS[error.status])
        kind = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
        self.transport.write(head + kind + b"connection: close\r\n\r\n" + body)
        self.transport.close()

    def _fail_request(self, error: ApiError) -> None:
        """Close the connection after the answer under way, which a second one would garble.

        A request whose body cannot be read on is answered with the error.
        """
        self.cycle.keep_alive = False
        if self.cycle.more_body:
            cast("Any", self.cycle.scope)["extensions"][FAILURE] = error
            self.cycle.message_event.set()

    # ---- Readers

    def pause_writing(self) -> None:
        """Begin to watch the reader: it has much to read."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._watch_reader()

    def resume_writing(self) -> None:
        """End watching: it read."""
        self._stop_timer("_read_timer")
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, unless its next request has come meanwhile.

        The timers of a busy loop run late, and before it looks at what came: a request that is
        there ends the second timer.
        """
        self.timeout_keep_alive_task = self.loop.call_later(0, self._close_idle)

    def _close_idle(self) -> None:
        """Close it, even if its client has not read its last answer."""
        super().timeout_keep_alive_handler()
        self._unread = self.transport.get_write_buffer_size()
        if self._unread:
            self._watch_reader()

    def _watch_reader(self) -> None:
        self._stop_timer("_read_timer")
        seconds = self.shared.options.read_seconds
        self._read_timer = self.loop.call_later(seconds, self._check_reader)

    def _check_reader(self) -> None:
        self._read_timer = None
        unread = self.transport.get_write_buffer_size()
        if unread < self._unread:  # it reads, if slowly
            self._unread = unread
            self._watch_reader()
        elif unread:
            self.shared.metrics.slow_readers.inc()
            self.transport.abort()
