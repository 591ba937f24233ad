"""The process of a server: how it starts, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette

from mime_fast.server.acceptor import Acceptor
from mime_fast.server.hosts import host_names
from mime_fast.server.protocol import limited_protocol
from mime_fast.server.state import ServerState

log = logging.getLogger("mime_fast.server")
ERROR_SECONDS = 1  # after the drain: for the error events of what was still running


def run(
    app: Starlette, listener: socket.socket, on_start: Callable[[], None] = lambda: None
) -> None:
    """Answer until SIGTERM or Ctrl-C, then drain; after a second signal no longer."""
    make_server(app, on_start).run(sockets=[listener])


def make_server(app: Starlette, on_start: Callable[[], None] = lambda: None) -> Server:
    """The server of an application that create_app made. on_start: called when it answers."""
    state: ServerState = app.state.server
    config = uvicorn.Config(
        app,
        http=limited_protocol(state),
        loop="uvloop",
        lifespan="on",
        ws="none",
        access_log=False,
        log_config=None,
        log_level=logging.WARNING,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=ERROR_SECONDS,
    )
    return Server(config, state, on_start)


class Server(uvicorn.Server):
    """uvicorn's server, which drains before it shuts down, and exits with 0 after a signal."""

    def __init__(
        self, config: uvicorn.Config, state: ServerState, on_start: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._state, self._on_start = state, on_start
        self._drain: asyncio.Task[None] | None = None
        self._limit = asyncio.Timeout(None)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT in the event loop while requests are answered."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ValueError, RuntimeError):  # a thread has no signals
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._on_signal)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer; collections then no longer walk over what stays for good (24 ms)."""
        await super().startup([])
        state = self._state
        state.host_names = host_names(state.options, sockets or (), has_keys=bool(state.keys))
        servers: list[Any] = [
            Acceptor(
                each,
                self._connected,
                is_full=self._is_full,
                probed=self._probed,
                refused=state.metrics.refused["too_many_connections"].inc,
            )
            for each in sockets or []
        ]
        self.servers = servers
        gc.collect()
        gc.freeze()
        self._on_start()

    def _is_full(self, connecting: Collection[asyncio.Protocol]) -> bool:
        made = self.server_state.connections
        used = len(made) + sum(protocol not in made for protocol in connecting)
        return used >= self._state.options.max_connections

    def _connected(self) -> asyncio.Protocol:
        """The protocol of a new connection, as uvicorn makes it."""
        kind: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = kind(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    def _probed(self) -> asyncio.Protocol:
        """The protocol of one connection too many, by which only a probe is answered."""
        protocol: Any = self._connected()
        protocol.is_single = True
        return cast("asyncio.Protocol", protocol)

    def _on_signal(self) -> None:
        if self._drain is None:
            self._drain = asyncio.get_running_loop().create_task(self.drain())
        else:  # a second signal: whoever sent it waits no longer
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def drain(self) -> None:
        """Refuse new requests, and wait for those that run, as long as they may take."""
        state, seconds = self._state, self._state.options.drain_seconds
        state.draining = True
        log.info("draining: running requests have %g s", seconds)
        try:
            if state.service is not None:
                self._limit = asyncio.timeout(seconds)
                async with self._limit:
                    await state.service.drain()
                    while tasks := self.server_state.tasks:  # their answers are being written
                        await asyncio.wait(tasks)
        except TimeoutError:
            log.warning("not all running requests have ended; those that have not fail")
            if state.service is not None:
                await state.service.aclose()
        self.should_exit = True
