"""A server in a thread of the tests' process, with a real engine and real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from mime_fast import GenerationConfig, Generator
from mime_fast.server.app import create_app
from mime_fast.server.listening import address, listen
from mime_fast.server.options import ServerOptions
from mime_fast.server.process import Server, make_server
from mime_fast.server.state import ServerState

# It takes some ten seconds, unless it is ended. The limit of a server must allow it.
ALLOWING_SLOW = {"max_request_tokens": 200_000}
JSON = {"Content-Type": "application/json"}
SLOW = {
    "do_sample": True,
    "num_return_sequences": 100,
    "min_new_tokens": 900,
    "max_new_tokens": 1000,
}
SAD = "I lost my dog yesterday."


@dataclass
class Running:
    """A server that answers."""

    url: str
    state: ServerState
    server: Server
    listener: socket.socket

    def client(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=30, **options)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.listener.getsockname()[:2], timeout=10)

    def loop(self) -> asyncio.AbstractEventLoop:
        acceptor: Any = self.server.servers[0]
        loop: asyncio.AbstractEventLoop = acceptor._loop
        return loop

    def metric(self, name: str, **labels: str) -> float:
        value = self.state.metrics.registry.get_sample_value(f"mime_fast_{name}", labels)
        assert value is not None, name
        return value


def eventually(is_true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until it is."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "it never was"
        time.sleep(0.01)


@contextmanager
def running(
    generator: Generator, defaults: GenerationConfig | None = None, **options: Any
) -> Iterator[Running]:
    chosen = ServerOptions.from_dict({"port": 0, **ALLOWING_SLOW, **options})
    app = create_app(generator, defaults, chosen)
    server = make_server(app)
    with listen(chosen) as listener:
        url = address(listener, chosen)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            eventually(lambda: server.started and app.state.server.ready)
            yield Running(url, app.state.server, server, listener)
        finally:
            server.should_exit = True
            thread.join()


def read_on(pieces: Iterator[str], found: list[str]) -> None:
    """Read to the end, or to where it breaks, and keep what came before."""
    for piece in pieces:
        found.append(piece)  # noqa: PERF402 - extend would lose it all


Run = Callable[..., AbstractContextManager[Running]]
