"""Many connections at once, and more than the system allows."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import uvloop
from openai import OpenAI, RateLimitError

from mime_fast.server import acceptor
from mime_fast.server.acceptor import Acceptor
from tests.server.serving import Run, Running, eventually

REQUEST = b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=512)


class Counted(asyncio.Protocol):
    made = 0

    def connection_made(self, _: asyncio.BaseTransport) -> None:
        Counted.made += 1


async def count(connections: int) -> int:
    """Turns of the loop until so many waiting connections are made."""
    Counted.made, turns = 0, 0
    with listener() as server, ExitStack() as clients:
        for _ in range(connections):
            clients.enter_context(socket.create_connection(server.getsockname()))
        accepting = Acceptor(server, Counted)
        while Counted.made < connections:
            await asyncio.sleep(0)
            turns += 1
        accepting.close()
        accepting.close()
        await accepting.wait_closed()
    return turns


def test_all_that_wait_are_accepted_within_a_few_turns() -> None:
    assert uvloop.run(count(200)) < 30  # uvloop's own server takes 200


def test_a_crowd_is_answered(server: Running) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(300)]
        for client in clients:
            client.sendall(REQUEST)
        for client in clients:
            assert client.recv(15) == b"HTTP/1.1 200 OK"


@contextmanager
def few_files(count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_many_open_files_are_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acceptor, "PAUSE", 0.05)
    caplog.set_level(logging.WARNING)

    async def crowd() -> None:
        Counted.made = 0
        with listener() as server, ExitStack() as clients:
            accepting = Acceptor(server, Counted)
            clients.enter_context(socket.create_connection(server.getsockname()))
            lowest_free = clients.enter_context(socket.socket()).fileno()
            with few_files(lowest_free + 1):
                await asyncio.sleep(0.2)
                assert Counted.made == 0
            while not Counted.made:  # noqa: ASYNC110 - nothing tells it
                await asyncio.sleep(0.01)
            accepting.close()

    uvloop.run(crowd())
    assert "no connection is accepted now: Too many open files" in caplog.text


def test_one_connection_too_many_is_refused_and_a_later_one_is_not(run: Run) -> None:
    with run(max_connections=3) as server, ExitStack() as stack:
        eventually(lambda: not server.server.server_state.connections)
        # It is made first: an idle connection is closed after 5 s.
        oracle = OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        stack.enter_context(oracle)
        for _ in range(3):
            client = stack.enter_context(server.connect())
            client.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        with pytest.raises(RateLimitError) as raised:
            oracle.completions.create(model="mime", prompt="x" * 100_000)
        assert raised.value.code == "too_many_connections"
        assert raised.value.response.headers["retry-after"] == "1"
        stack.close()
        eventually(lambda: not server.server.server_state.connections)
        with server.client() as client_:
            assert client_.get("/version").status_code == 200
        assert server.metric("requests_refused_total", reason="too_many_connections") == 1


def ask(server: Running, request: bytes) -> bytes:
    """The answers until the server closes the connection."""
    with server.connect() as client:
        client.sendall(request)
        found = b""
        while data := client.recv(65536):
            found += data
        return found


def test_a_full_server_answers_probes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor, "LINGER", 0.05)
    with run(max_connections=2) as server, ExitStack() as stack:
        for _ in range(100):  # idle: none of them says what it wants
            stack.enter_context(server.connect())
        for path in (b"/health", b"/ready", b"/metrics", b"/version", b"/health?x=1"):
            answer = ask(server, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 OK"), path
        head = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert ask(server, head * 2).count(b"HTTP/1.1 ") == 1  # no second request comes with it
        for other in (
            b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /healthy HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"POST /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /health HTTP/1.1\r\nHost:",
        ):
            assert ask(server, other) == acceptor.REFUSAL
        assert len(server.server.server_state.connections) == 2


def test_one_idle_connection_too_many_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor, "PROBE_SECONDS", 0.05)
    with run(max_connections=1) as server, server.connect():
        eventually(lambda: len(server.server.server_state.connections) == 1)
        assert ask(server, b"") == acceptor.REFUSAL
