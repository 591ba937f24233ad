"""What Ray Serve must do with the server: replies, refusals, kills, an end."""

from __future__ import annotations

import json
import math
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from select import select
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from mime_fast import Generator
from tests.ray.cluster import MISSING, PATIENCE, REPLICA, actors, kill
from tests.server.serving import SAD, SLOW, eventually, read_on

serve = pytest.importorskip("ray.serve", reason=MISSING)
ray_serve = pytest.importorskip("benchmarks.ray_serve", reason=MISSING)
CLIENTS, REQUESTS = 6, 120
# So that the kill hits some.
LONG: Any = {"do_sample": False, "num_beams": 10, "min_new_tokens": 50, "max_new_tokens": 50}
# Long, since pieces that wait for the loop come as one.
GREEDY: Any = {
    "do_sample": False,
    "seed": 1,
    "avoid_cheer": False,
    "min_new_tokens": 200,
    "max_new_tokens": 200,
}


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


def status(client: httpx2.Client, path: str) -> int:
    """The status of an answer; 0: there was none."""
    try:
        return client.get(path).status_code
    except httpx2.TransportError:
        return 0


def metric(client: httpx2.Client, name: str) -> float:
    """A metric of the only replica, summed over its labels; infinite while the replica is full."""
    answer = client.get("/metrics")
    if answer.status_code != 200:
        return math.inf
    found = re.findall(rf"^mime_fast_{name}(?:{{.*}})? (\S+)$", answer.text, re.MULTILINE)
    return sum(map(float, found))


def running(client: httpx2.Client) -> float:
    return metric(client, "num_requests_running")


def wait_until_idle(client: httpx2.Client) -> None:
    """Until nothing runs or waits in the only replica: clients of earlier checks went away."""
    eventually(lambda: running(client) == metric(client, "num_requests_waiting") == 0, PATIENCE)


def ask_slowly(client: httpx2.Client, *, stream: bool = False) -> socket.socket:
    """A connection with a request that takes some ten seconds."""
    body = json.dumps({**SLOW, "message": SAD, "stream": stream}).encode()
    head = "POST /v1/mime/respond HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    head += f"content-length: {len(body)}\r\n\r\n"
    place = client.base_url.host, client.base_url.port
    connection = socket.create_connection(place, timeout=PATIENCE)
    connection.sendall(head.encode() + body)
    return connection


def start_slow_request(client: httpx2.Client, *, stream: bool) -> socket.socket:
    """A connection whose slow request runs. Ray may refuse one while it still counts another."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        connection = ask_slowly(client, stream=stream)
        answered = False
        while not answered and time.monotonic() < end:
            answered = bool(select([connection], [], [], 0.01)[0])
            if running(client) == 1:  # a stream has begun to answer
                return connection
        connection.close()
    raise AssertionError("it never ran")


def a_client_that_goes_away(client: httpx2.Client, _: Generator) -> None:
    """Its request ends without a reply."""
    wait_until_idle(client)
    replies_before = metric(client, "request_success_total")
    for stream in (False, True):
        start_slow_request(client, stream=stream).close()
        wait_until_idle(client)
        assert metric(client, "request_success_total") == replies_before


def answer_of(connection: socket.socket) -> HTTPResponse:
    answer = HTTPResponse(connection)
    answer.begin()
    return answer


def a_full_queue(client: httpx2.Client, _: Generator) -> None:
    """The replica has room for two requests, and Ray's queue for one: three of six are refused.

    Of requests that come at once Ray may refuse more. One that was admitted may end meanwhile.
    """
    wait_until_idle(client)
    unanswered = [ask_slowly(client) for _ in range(6)]
    refused: list[HTTPResponse] = []
    end = time.monotonic() + PATIENCE
    while len(refused) < 3 and time.monotonic() < end:
        for connection in select(unanswered, [], [], 1)[0]:
            unanswered.remove(connection)
            with connection:
                answer = answer_of(connection)
            if answer.status != 200:
                refused.append(answer)
    for connection in unanswered:
        connection.close()
    assert len(refused) >= 3
    assert {(answer.status, answer.headers["retry-after"]) for answer in refused} == {(429, "1")}
    wait_until_idle(client)


def a_killed_replica(client: httpx2.Client, generator: Generator) -> None:
    """Clients try again: each request gets one answer, the right one."""
    expected = [generator.respond(SAD, seed=seed, **LONG).text for seed in range(REQUESTS)]
    asked: list[int] = []
    answered: list[int] = []  # status codes

    def note(response: httpx2.Response) -> None:
        response.read()  # the kill may break an answer off
        answered.append(response.status_code)

    hooks: Any = {"request": [lambda _: asked.append(1)], "response": [note]}
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
        eventually(lambda: len(answered) > REQUESTS // 4, PATIENCE)
        kill(replicas[0])
        assert [text.result(PATIENCE) for text in texts] == expected
    assert answered.count(200) == REQUESTS  # none is answered twice
    assert len(asked) > REQUESTS  # the kill hit some
    eventually(lambda: len({*actors(REPLICA)} - {*replicas}) == 1, PATIENCE)


def a_stream_of_a_killed_replica(client: httpx2.Client, _: Generator) -> None:
    """It has no clean end. A request that comes while there is no replica waits for the next."""
    wait_until_idle(client)
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
    eventually(lambda: status(client, "/ready") == 200, PATIENCE)


def draining(client: httpx2.Client, _: Generator) -> None:
    """What runs is answered; what comes is refused."""
    slow = {**SLOW, "message": SAD, "num_return_sequences": 4, "stream": True, "avoid_cheer": False}
    slow |= {"min_new_tokens": 300, "max_new_tokens": 300}
    deleting = threading.Thread(target=serve.delete, args=["mime-fast"])
    with client.stream("POST", "/v1/mime/respond", json=slow) as stream:
        lines = stream.iter_lines()
        next(lines)
        deleting.start()
        with httpx2.Client(base_url=client.base_url, timeout=60) as other:
            eventually(lambda: status(other, "/ready") == 404, PATIENCE)
        last = [line for line in lines if line][-1]
    deleting.join()
    assert json.loads(last.removeprefix("data: "))["final"]


def the_benchmark(_: object, __: Generator) -> None:
    """A few requests: it asserts that their answers are right."""
    ray_serve.main(["--smoke"])
