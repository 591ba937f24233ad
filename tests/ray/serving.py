"""What Ray Serve must do with the server: replies, refusals, kills, an end."""

from __future__ import annotations

import json
import math
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from select import select
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from mime_fast import Generator
from tests.ray.cluster import MISSING, REPLICA, actors, kill
from tests.server.serving import SAD, SLOW, eventually, read_on

serve = pytest.importorskip("ray.serve", reason=MISSING)
CLIENTS, REQUESTS = 6, 120
LONG: Any = {"min_new_tokens": 50, "max_new_tokens": 50}  # so that the kill hits some
GREEDY: Any = {"do_sample": False, "avoid_cheer": False}


def replies(client: httpx2.Client, generator: Generator) -> None:
    for path in ("/ready", "/health", "/-/healthz", "/"):
        assert client.get(path).status_code == 200
    answer = client.post("/v1/mime/respond", json={"message": SAD, "seed": 1})
    assert answer.json()["text"] == generator.respond(SAD, seed=1).text
    oracle = OpenAI(base_url=f"{client.base_url}/v1", api_key="none")
    with oracle:
        stream = oracle.chat.completions.create(
            model="mime",
            messages=[{"role": "user", "content": SAD}],
            stream=True,
            extra_body=GREEDY,
        )
        pieces = [each.choices[0].delta.content or "" for each in stream if each.choices]
    assert len([piece for piece in pieces if piece]) > 3
    assert "".join(pieces) == generator.respond(SAD, **GREEDY).text
    refused = client.post("/v1/mime/respond", json={"message": ""})
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")


def running(client: httpx2.Client) -> float:
    """Requests that run in the only replica."""
    answer = client.get("/metrics")
    if answer.status_code != 200:  # it is full
        return math.inf
    lines = answer.text.splitlines()
    (line,) = [line for line in lines if line.startswith("mime_fast_num_requests_running ")]
    return float(line.split()[1])


def ask_slowly(client: httpx2.Client, *, stream: bool = False) -> socket.socket:
    """A connection with a request that takes some ten seconds."""
    body = json.dumps({**SLOW, "message": SAD, "stream": stream}).encode()
    head = f"POST /v1/mime/respond HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n\r\n"
    connection = socket.create_connection((client.base_url.host, client.base_url.port))
    connection.sendall(head.encode() + body)
    return connection


def a_client_that_goes_away(client: httpx2.Client, _: Generator) -> None:
    for stream in (False, True):
        with ask_slowly(client, stream=stream):
            eventually(lambda: running(client) == 1)
        eventually(lambda: running(client) == 0, 5)


def a_full_queue(client: httpx2.Client, _: Generator) -> None:
    """The replica has room for two requests, and Ray's queue for one."""
    connections = [ask_slowly(client) for _ in range(6)]
    eventually(lambda: len(select(connections, [], [], 0)[0]) == 3)
    for connection in select(connections, [], [], 0)[0]:
        answer = connection.recv(4096).lower()
        assert answer.startswith(b"http/1.1 429 ")
        assert b"\r\nretry-after: 1\r\n" in answer
    for connection in connections:
        connection.close()
    eventually(lambda: running(client) == 0, 30)


def a_killed_replica(client: httpx2.Client, generator: Generator) -> None:
    """Clients try again: each request gets one answer, the right one."""
    expected = [generator.respond(SAD, seed=seed, **LONG).text for seed in range(REQUESTS)]
    asked: list[int] = []
    answered: list[int] = []  # status codes
    hooks: Any = {
        "request": [lambda _: asked.append(1)],
        "response": [lambda response: answered.append(response.status_code)],
    }
    oracle = OpenAI(
        base_url=f"{client.base_url}/v1",
        api_key="none",
        max_retries=20,
        http_client=httpx2.Client(timeout=60, event_hooks=hooks),
    )

    def ask(seed: int) -> str:
        found = oracle.completions.create(model="mime", prompt=SAD, seed=seed, extra_body=LONG)
        return found.choices[0].text

    replicas = actors(REPLICA)
    with oracle, ThreadPoolExecutor(CLIENTS) as pool:
        texts = [pool.submit(ask, seed) for seed in range(REQUESTS)]
        eventually(lambda: len(answered) > REQUESTS // 4, 60)
        kill(replicas[0])
        assert [text.result(60) for text in texts] == expected
    assert answered.count(200) == REQUESTS  # none is answered twice
    assert len(asked) > REQUESTS  # the kill hit some
    eventually(lambda: len({*actors(REPLICA)} - {*replicas}) == 1, 60)


def a_stream_of_a_killed_replica(client: httpx2.Client, _: Generator) -> None:
    """It has no clean end. A request that comes while there is no replica waits for the next."""
    found: list[str] = []
    slow = {**SLOW, "message": SAD, "stream": True, "avoid_cheer": False}
    with client.stream("POST", "/v1/mime/respond", json=slow) as stream:
        assert stream.status_code == 200
        pieces = stream.iter_text()
        found.append(next(pieces))
        for replica in actors(REPLICA):
            kill(replica)
        with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
            read_on(pieces, found)
    assert '"final":true' not in "".join(found)
    eventually(lambda: client.get("/ready").status_code == 200, 60)


def draining(client: httpx2.Client, _: Generator) -> None:
    """What runs is answered; what comes is refused."""
    slow = {**SLOW, "message": SAD, "num_return_sequences": 4, "stream": True, "avoid_cheer": False}
    slow |= {"min_new_tokens": 300, "max_new_tokens": 300}
    deleting = threading.Thread(target=serve.delete, args=["mime-fast"])
    with client.stream("POST", "/v1/mime/respond", json=slow) as stream:
        lines = stream.iter_lines()
        next(lines)
        deleting.start()
        with httpx2.Client(base_url=client.base_url) as other:
            eventually(lambda: other.get("/ready").status_code == 404)
        last = [line for line in lines if line][-1]
    deleting.join()
    assert json.loads(last.removeprefix("data: "))["final"]
