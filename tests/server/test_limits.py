"""Limits that hold before a request is parsed, on raw connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mime_fast.server.hosts import host_names, is_allowed, is_loopback
from mime_fast.server.listening import listen
from mime_fast.server.options import ServerOptions
from tests.server.serving import JSON, SAD, SLOW, Run, Running, eventually

START = b"POST /v1/mime/respond HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


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
        answer = client.post("/v1/mime/respond", content=pieces(), headers=JSON)  # type: ignore[arg-type]
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
        send(client, b"GET /version HTTP/1.1\r\nHost: localhost\r\n" + headers)
        assert status(receive(client)) == 431


def test_a_long_path_is_limited(server: Running) -> None:
    with server.connect() as client:
        send(client, b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
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


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"5\r\nabcdefgh\r\n", b"-1\r\n\r\n"])
@pytest.mark.parametrize("before", [b"", b"1\r\n{\r\n"])
def test_a_malformed_chunk_is_told(server: Running, before: bytes, chunk: bytes) -> None:
    with server.connect() as client:
        client.sendall(START + b"Transfer-Encoding: chunked\r\n\r\n" + before)
        time.sleep(0.05)  # the request is being read by then
        client.sendall(chunk)
        answer = receive(client)
        assert (status(answer), b"connection: close" in answer.lower()) == (400, True)
    assert server.metric("request_disconnects_total") == 0


def test_what_follows_a_request_does_not_spoil_its_answer(server: Running) -> None:
    body = json.dumps({"message": SAD}).encode()
    with server.connect() as client:
        client.sendall(START + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"\x16\x03\r\n")
        answer = receive(client)
    head, _, content = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert json.loads(content)["text"]


def test_a_body_that_does_not_come_while_the_server_drains(run: Run) -> None:
    with run(drain_seconds=0.1) as server, server.connect() as client:
        client.sendall(START + b"Content-Length: 10\r\n\r\n{")
        eventually(lambda: bool(server.server.server_state.tasks))
        asyncio.run_coroutine_threadsafe(server.server.drain(), server.loop())
        answer = receive(client)
        assert (status(answer), b'"draining"' in answer) == (503, True)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        (b"localhost", True),
        (b"LocalHost:8000", True),
        (b"app.localhost.", True),
        (b"127.0.0.1:80", True),
        (b"[::1]:8000", True),
        (b"mime.example", True),
        (b"Mime.Example:443", True),
        (b"rebound.example", False),
        (b"localhost.example", False),
        (b"127.0.0.1.example", False),
        (b"", False),
    ],
)
def test_a_name_that_a_page_made_ours_is_refused(run: Run, host: bytes, allowed: bool) -> None:
    with run(allowed_host=("mime.example",)) as server, server.connect() as client:
        client.sendall(b"GET /version HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host)
        answer = receive(client)
    if allowed:
        assert answer.startswith(b"HTTP/1.1 200 OK")
    else:
        assert (status(answer), b"--allowed-host" in answer) == (403, True)


@pytest.mark.parametrize(
    ("options", "has_keys"),
    [({"host": "0.0.0.0"}, False), ({"uds": Path("s")}, False), ({}, True)],  # noqa: S104
)
def test_other_servers_take_any_name(
    options: dict[str, Any], has_keys: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = ServerOptions(port=0, **options)
    with listen(chosen) as listener:
        assert host_names(chosen, [listener], has_keys=has_keys) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "localhost", "LOCALHOST", "127.0.1.1"])
def test_a_server_of_one_machine_is_known_by_its_address(host: str) -> None:
    chosen = ServerOptions(host=host, port=0, allowed_host=("Example.org.", "b.org"))
    with listen(chosen) as listener:
        names = host_names(chosen, [listener], has_keys=False)
    assert names is not None
    for name in (host, "example.org", "EXAMPLE.ORG.", "b.org.:80"):
        assert is_allowed(name.encode(), names), name
    assert not is_allowed(b"rebound.example", names)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.0.1.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.168.0.1", False),
        ("::ffff:192.168.0.1", False),
        ("fe80::1%eth0", False),
    ],
)
def test_addresses_that_only_this_machine_reaches(address: str, expected: bool) -> None:
    assert is_loopback(address) == expected


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
            assert limited, (path, answer.text)


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


@pytest.mark.parametrize("limits", [{"max_waiting": 0}, {"max_running": 1, "max_waiting": 0}])
def test_an_idle_server_answers_as_many_prompts_as_it_allows(
    run: Run, limits: dict[str, int]
) -> None:
    body = {"prompt": [SAD] * 40, "do_sample": True, "n": 2, "max_tokens": 3, "seed": 1}
    with run(**limits) as server, server.client() as client:
        answer = client.post("/v1/completions", json=body)
        assert answer.status_code == 200, answer.text
        choices = answer.json()["choices"]
        assert [choice["index"] for choice in choices] == [*range(80)]
        assert len({choice["text"] for choice in choices[::2]}) == 1
        wrong = client.post("/v1/completions", json={**body, "top_p": 7})
        assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "top_p")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("first", [SAD, SAD * 200])
def test_a_wrong_prompt_is_refused_before_others_are_answered(
    run: Run, first: str, stream: bool
) -> None:
    body = {"prompt": [first] * 3 + [" "], "max_tokens": 3, "stream": stream}
    with run(max_running=1) as server, server.client() as client:
        answer = client.post("/v1/completions", json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "prompt[3]")
        assert server.metric("generation_tokens_total") == 0


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/mime/respond", {"message": SAD, "logprobs": 21}, "logprobs"),
        ("/v1/responses", {"input": SAD, "logprobs": 21}, "logprobs"),
        ("/v1/completions", {"prompt": SAD, "logprobs": 21}, "logprobs"),
        ("/v1/completions", {"prompt": [SAD, SAD], "n": 99, "max_tokens": 99}, "max_tokens"),
        ("/v1/mime/respond", {"message": SAD, "stop": ["x"] * 80_000}, "stop"),
        ("/v1/mime/respond", {"message": SAD, "bad_words": ["x"] * 80_000}, "bad_words"),
        (
            "/v1/chat/completions",
            {
                "messages": [{"role": "user", "content": SAD}],
                "n": 128,
                "temperature": 1.0,
                "min_new_tokens": 1000,
                "max_tokens": 1000,
            },
            "max_tokens",
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_work_of_a_request_is_limited(
    run: Run, path: str, body: dict[str, Any], param: str, stream: bool
) -> None:
    with run(max_request_tokens=8192) as server, server.client() as client:
        started = time.monotonic()
        answer = client.post(path, json={**body, "stream": stream})
        assert time.monotonic() - started < 2
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert answer.json()["error"]["message"].startswith(param)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"n": 10, "max_tokens": 4096}),
        ("/v1/completions", {"n": 10, "max_tokens": 4096, "min_new_tokens": 2}),
        ("/v1/completions", {"num_beams": 10, "max_tokens": 10**20}),
        ("/v1/completions", {"max_tokens": 4096}),
    ],
)
def test_a_limit_above_the_positions_limits_nothing(
    run: Run, path: str, body: dict[str, Any]
) -> None:
    with run(max_request_tokens=8192) as server, server.client() as client:
        answer = client.post(path, json={"prompt": SAD, **body})
        assert answer.status_code == 200, answer.text
        reasons = {choice["finish_reason"] for choice in answer.json()["choices"]}
    assert reasons == {"stop"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 10, "max_tokens": 4096, "min_new_tokens": 900}, "at most 819 for 10 .* got 4096"),
        ({"n": 10, "max_tokens": 900}, "at most 819 for 10 .* got 900"),
        ({"n": 0, "max_tokens": 4096}, "n must be"),
        ({"n": 10_000, "max_tokens": 4096}, "n must be at most 128"),
        ({"max_tokens": 4096, "min_new_tokens": 2000}, "min_new_tokens .2000. must not exceed"),
    ],
)
def test_what_a_limit_above_the_positions_does_not_change(
    run: Run, wrong: dict[str, Any], message: str
) -> None:
    with run(max_request_tokens=8192) as server, server.client() as client:
        answer = client.post("/v1/completions", json={"prompt": SAD, **wrong})
    assert answer.status_code == 400
    assert re.search(message, answer.json()["error"]["message"]), answer.text


def test_many_requests_on_one_connection(server: Running) -> None:
    one = b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with server.connect() as client:
        client.sendall(one * 20 + last)  # pipelined
        assert receive(client).count(b"HTTP/1.1 200 OK") == 21
    with server.client() as client_:
        answers = [client_.get("/version") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}


def test_head_and_absolute_forms(client: httpx2.Client) -> None:
    answer = client.head("/version")
    assert (answer.status_code, answer.content) == (200, b"")
