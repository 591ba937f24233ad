"""Clients that go away, and clients that do not read."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import pytest

from tests.server.serving import SAD, SLOW, Run, Running, eventually


def ask(client: socket.socket, path: str, body: dict[str, object]) -> None:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    length = f"Content-Length: {len(content)}\r\n\r\n"
    client.sendall(head.encode() + length.encode() + content)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/mime/respond", {"message": SAD}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": SAD}]}),
        ("/v1/completions", {"prompt": [SAD, SAD]}),
        ("/v1/responses", {"input": SAD}),
    ],
)
def test_a_client_that_goes_away_ends_its_request(
    server: Running, path: str, body: dict[str, object], stream: bool
) -> None:
    service = server.state.service
    assert service is not None
    before = server.metric("request_disconnects_total")
    with server.connect() as client:
        ask(client, path, {**body, **SLOW, "stream": stream})
        eventually(lambda: service.running > 0)
        if stream:
            assert client.recv(15) == b"HTTP/1.1 200 OK"
    started = time.monotonic()
    eventually(lambda: service.running == 0)
    assert time.monotonic() - started < 3  # the whole would take far longer
    eventually(lambda: server.metric("request_disconnects_total") == before + 1)
    with server.client() as other:
        assert other.post("/v1/mime/respond", json={"message": SAD}).status_code == 200


def test_a_waiting_request_whose_client_goes_away_is_forgotten(run: Run) -> None:
    with run(max_running=1) as server, server.connect() as slow:
        service = server.state.service
        assert service is not None
        ask(slow, "/v1/mime/respond", {"message": SAD, **SLOW})
        eventually(lambda: service.running == 1)
        with server.connect() as client:
            ask(client, "/v1/mime/respond", {"message": SAD})
            eventually(lambda: service.waiting == 1)
        eventually(lambda: service.waiting == 0)
        assert service.running == 1


def ask_for_much(server: Running) -> socket.socket:
    """A client that is sent far more than the system holds for it."""
    server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(10)
    client.connect(server.listener.getsockname())
    one = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n"
    client.sendall((one + b"\r\n") * 20 + one + b"Connection: close\r\n\r\n")
    return client


def test_a_client_that_does_not_read_is_cut_off_and_stalls_nobody(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    with run(read_seconds=0.3) as server, ask_for_much(server), server.client() as client:
        while not server.metric("slow_readers_total"):
            started = time.monotonic()
            assert client.post("/v1/mime/respond", json={"message": SAD}).status_code == 200
            assert time.monotonic() - started < 5
        eventually(lambda: len(server.server.server_state.connections) == 1)  # the other one
        assert server.metric("slow_readers_total") == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_slow_client_that_reads_is_not_cut_off(run: Run) -> None:
    with run(read_seconds=0.2) as server, ask_for_much(server) as slow:
        found, started = b"", time.monotonic()
        while data := slow.recv(30_000):
            found += data
            time.sleep(0.005)
        assert time.monotonic() - started > 0.3
        assert found.count(b"HTTP/1.1 200 OK") == 21
        assert server.metric("slow_readers_total") == 0


def test_a_late_timer_does_not_close_what_has_a_request(run: Run) -> None:
    """The timer of an idle connection is due when its next request has just come."""
    sent = threading.Event()
    with run() as server, server.connect() as client:
        request = b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.sendall(request)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        connection: Any = next(iter(server.server.server_state.connections))

        def be_late() -> None:
            assert sent.wait(10)
            connection.timeout_keep_alive_handler()

        server.loop().call_soon_threadsafe(be_late)
        client.sendall(request)
        sent.set()
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        server.loop().call_soon_threadsafe(connection.timeout_keep_alive_handler)
        assert client.recv(1) == b""


def test_an_idle_client_that_does_not_read_is_cut_off(run: Run) -> None:
    """Its answer is small: it is all in the buffers, and only the connection is kept."""
    with run(read_seconds=0.2) as server:
        server.server.config.timeout_keep_alive = 0  # seconds
        server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(server.listener.getsockname())
            client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            eventually(lambda: server.metric("slow_readers_total") == 1)
            eventually(lambda: not server.server.server_state.connections)
