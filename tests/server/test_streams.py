"""Streams: what they look like on the wire, and how they break."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from mime_fast import Generator
from tests.server.serving import SAD, SLOW, Run, Running, read_on


def events(answer: httpx2.Response) -> list[Any]:
    found = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in found]


def test_a_stream_of_ours_is_that_of_the_generator(
    client: httpx2.Client, generator: Generator
) -> None:
    body = {"message": SAD, "seed": 4, "logprobs": 1}
    answer = client.post("/v1/mime/respond", json={**body, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = events(answer)
    expected = list(generator.stream(SAD, seed=4, logprobs=1))
    whole = client.post("/v1/mime/respond", json=body).json()
    assert "".join(event["text"] for event in found) == whole["text"]
    assert [t for event in found for t in event["tokens"]] == [
        t for event in expected for t in event.tokens
    ]
    assert [event["final"] for event in found] == [False] * (len(found) - 1) + [True]
    last = found[-1]["response"]
    assert last.pop("timings")["tokens"] == whole.pop("timings")["tokens"]
    assert last == whole


def test_the_end_of_a_stream_is_marked(client: httpx2.Client) -> None:
    body = {"messages": [{"role": "user", "content": SAD}], "stream": True}
    assert events(client.post("/v1/chat/completions", json=body))[-1] == "[DONE]"
    named = client.post("/v1/responses", json={"input": SAD, "stream": True}).text
    for block in named.strip().split("\n\n"):
        name, data = block.splitlines()
        assert json.loads(data.removeprefix("data: "))["type"] == name.removeprefix("event: ")


def test_an_error_before_the_first_piece_has_its_status(client: httpx2.Client) -> None:
    wrong = {"message": SAD, "top_p": 7, "stream": True}
    assert client.post("/v1/mime/respond", json=wrong).status_code == 400


def break_soon(server: Running) -> None:
    """Close the engine while a stream runs."""
    service, loop = server.state.service, server.loop()
    assert service is not None
    close = asyncio.run_coroutine_threadsafe
    threading.Timer(0.3, lambda: close(service.aclose(), loop)).start()


def test_a_stream_that_breaks_has_no_clean_end(run: Run) -> None:
    body = {"messages": [{"role": "user", "content": SAD}], **SLOW, "stream": True}
    del body["do_sample"], body["num_return_sequences"]
    with run() as server, server.client() as client:
        break_soon(server)
        found: list[str] = []
        body["n"] = 100
        with (
            client.stream("POST", "/v1/chat/completions", json=body) as answer,
            pytest.raises(httpx2.RemoteProtocolError),
        ):
            read_on(answer.iter_text(), found)
        text = "".join(found)
        last = json.loads(text.strip().split("\n\n")[-1].removeprefix("data: "))
        assert set(last["error"]) == {"message", "type", "param", "code"}
        assert "[DONE]" not in text


@pytest.mark.parametrize("kind", ["chat", "completions", "responses"])
def test_the_client_raises_when_a_stream_breaks(run: Run, kind: str) -> None:
    extra = {**SLOW}
    with run() as server:
        oracle = OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        create: Any = {
            "chat": lambda: oracle.chat.completions.create(
                model="mime",
                messages=[{"role": "user", "content": SAD}],
                stream=True,
                extra_body=extra,
            ),
            "completions": lambda: oracle.completions.create(
                model="mime", prompt=SAD, stream=True, extra_body=extra
            ),
            "responses": lambda: oracle.responses.create(
                model="mime", input=SAD, stream=True, extra_body=extra
            ),
        }[kind]
        break_soon(server)
        with oracle, pytest.raises((openai.APIError, httpx2.RemoteProtocolError)):
            list(create())
