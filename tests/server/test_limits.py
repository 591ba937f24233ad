"""Limits that hold before a request is parsed, on raw connections."""

from __future__ import annotations

import contextlib
import json
import socket
import time

import httpx2
import pytest

from tests.server.serving import SAD, SLOW, Run, Running, eventually

START = b"POST /v1/mime/respond HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def receive(client: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    client.settimeout(10)
    found = b""
    while True:
        try:
            data = client.recv(65536)
        except ConnectionResetError:
            return found
        if not data:
            return found
        found += data


def send(client: socket.socket, data: bytes) -> None:
    """Send what the server still takes."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.sendall(data)


def status(answer: bytes) -> int:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert json.loads(body)["error"]["message"]
    return int(head.split()[1])


def test_a_body_that_states_its_length_is_refused_unread(server: Running) -> None:
    with server.connect() as client:
        client.sendall(START + b"Content-Length: 100000000\r\n\r\n{")
        assert status(receive(client)) == 413


def test_a_chunked_body_is_limited_too(run: Run) -> None:
    with run(max_body_bytes=10_000) as server, server.connect() as client:
        client.sendall(START + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            send(client, b"400\r\n" + b"x" * 1024 + b"\r\n")
        assert status(receive(client)) == 413


def test_a_chunked_body_is_read(server: Running) -> None:
    body = json.dumps({"message": SAD}).encode()

    def pieces() -> object:
        for index in range(0, len(body), 5):
            yield body[index : index + 5]

    with server.client() as client:
        answer = client.post("/v1/mime/respond", content=pieces())  # type: ignore[arg-type]
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        b"X: " + b"a" * 40_000 + b"\r\n\r\n",
        b"".join(b"X-%d: %s\r\n" % (number, b"a" * 100) for number in range(400)),
        b"X: " + b"a" * 40_000,  # never ends
    ],
)
def test_headers_are_limited(server: Running, headers: bytes) -> None:
    with server.connect() as client:
        send(client, b"GET /version HTTP/1.1\r\nHost: x\r\n" + headers)
        assert status(receive(client)) == 431


def test_a_long_path_is_limited(server: Running) -> None:
    with server.connect() as client:
        send(client, b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status(receive(client)) == 431


def test_a_large_body_does_not_count_as_headers(server: Running) -> None:
    body = json.dumps({"message": "sad " * 20_000}).encode()
    with server.connect() as client:
        client.sendall(START + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert client.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("start", [b"", b"\r\n", b"GET /version HTTP/1.1\r\nHost:", START])
def test_headers_that_never_end_are_given_up(run: Run, start: bytes) -> None:
    with run(request_seconds=0.2) as server, server.connect() as client:
        client.sendall(start)
        assert status(receive(client)) == 408


@pytest.mark.parametrize("body", [b"", b"{"])
def test_a_body_that_never_ends_is_given_up(run: Run, body: bytes) -> None:
    with run(request_seconds=0.2) as server, server.connect() as client:
        client.sendall(START + b"Content-Length: 10\r\n\r\n" + body)
        assert status(receive(client)) == 408
        assert server.metric("request_disconnects_total") == 0


def test_what_is_no_http(server: Running) -> None:
    for data in (b"\x16\x03\x01\x02\x00\x01", b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        with server.connect() as client:
            client.sendall(data)
            assert status(receive(client)) == 400


def test_turns_are_limited(run: Run) -> None:
    messages = [{"role": "user", "content": "hi"}] * 6
    with run(max_turns=5) as server, server.client() as client:
        for path, body in {
            "/v1/chat/completions": {"messages": messages},
            "/v1/responses": {"input": messages},
            "/v1/completions": {"prompt": ["hi"] * 6},
            "/v1/mime/respond": {"message": ["hi"] * 6},
            "/tokenize": {"messages": messages},
        }.items():
            answer = client.post(path, json=body)
            limited = answer.status_code == 400 and " 5" in answer.json()["error"]["message"]
            assert limited or path == "/tokenize", (path, answer.text)  # it joined them to one turn


def test_a_full_queue_and_a_long_wait_are_refused(run: Run) -> None:
    limits = {"max_running": 1, "max_waiting": 1, "max_wait_seconds": 1.5}
    with run(**limits) as server, server.connect() as slow:
        service = server.state.service
        assert service is not None
        body = json.dumps({"message": SAD, **SLOW}).encode()
        slow.sendall(START + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        eventually(lambda: service.running == 1)
        with server.connect() as waiting:
            body = json.dumps({"message": SAD}).encode()
            waiting.sendall(START + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            eventually(lambda: service.waiting == 1)
            with server.client() as client:
                full = client.post("/v1/mime/respond", json={"message": SAD})
            assert (full.status_code, full.json()["error"]["code"]) == (429, "queue_full")
            started = time.monotonic()
            late = waiting.recv(65536)
            assert time.monotonic() - started < 5
            assert (status(late), b"deadline_exceeded" in late) == (429, True)
        slow.close()
        eventually(lambda: service.running == 0)
        assert server.metric("requests_refused_total", reason="deadline_exceeded") == 1
        assert server.metric("requests_refused_total", reason="queue_full") == 1


def test_many_requests_on_one_connection(server: Running) -> None:
    one = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with server.connect() as client:
        client.sendall(one * 20 + last)  # pipelined
        assert receive(client).count(b"HTTP/1.1 200 OK") == 21
    with server.client() as client_:
        answers = [client_.get("/version") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}


def test_head_and_absolute_forms(client: httpx2.Client) -> None:
    answer = client.head("/version")
    assert (answer.status_code, answer.content) == (200, b"")
