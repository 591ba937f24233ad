"""The form of errors, and that they never repeat much of what a client sent."""

from __future__ import annotations

import json

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.async_generator import DeadlineExceeded, QueueFull, ServiceClosed
from mime_fast.server.errors import LONGEST, ApiError, shorten, to_api_error
from tests.server.serving import SAD

LONG = "z" * 5000


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (QueueFull("256 wait"), 429, "queue_full"),
        (DeadlineExceeded("waited"), 429, "deadline_exceeded"),
        (ServiceClosed("closed"), 503, "draining"),
        (MemoryError(), 503, "no_memory"),
        (ValueError("top_p must be in (0, 1], got 2"), 400, None),
        (RuntimeError("a secret"), 500, "internal"),
    ],
)
def test_an_exception_becomes_an_error(error: Exception, status: int, code: str | None) -> None:
    found = to_api_error(error, retry_after=0.25)
    assert (found.status, found.code) == (status, code)
    body = found.body()["error"]
    assert set(body) == {"message", "type", "param", "code"}
    assert "secret" not in json.dumps(body)
    if status == 429:
        assert dict(found.headers()) == {b"retry-after": b"1", b"retry-after-ms": b"250"}
    assert body["param"] == ("top_p" if status == 400 else None)


@given(st.text(), st.integers(20, 300))
def test_a_text_is_shortened_in_the_middle(text: str, longest: int) -> None:
    short = shorten(text, longest)
    assert len(short) <= longest
    short.encode()
    if len(text) <= longest and text.isascii():
        assert short == text


def test_lone_surrogates_can_be_told() -> None:
    assert msgspec.json.encode(ApiError(400, "got \ud800").body())


@pytest.mark.parametrize(
    "body",
    [
        {"message": SAD, "emotion": LONG},
        {"message": SAD, LONG: 1},
        {"message": SAD, "stop": LONG, "on_crisis": LONG},
        {"message": [SAD, LONG]},
        {"message": SAD, "early_stopping": LONG},
        {"message": SAD, "temperature": LONG},
        {"message": "\u200b" * 5000},
        {"message": SAD, "seed": 10**400},
        {LONG: LONG},
    ],
)
def test_an_error_repeats_little(client: httpx2.Client, body: dict[str, object]) -> None:
    answer = client.post("/v1/mime/respond", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert len(error["message"]) <= LONGEST
    assert len(answer.content) < 2 * LONGEST
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b'{"message": "a"} x',
        b'{"message": NaN}',
        b'{"message": "\xff"}',
        b'{"message": "\xed\xa0\x80"}',
        b'{"message": "\\ud800"}',
        b'{"message": "\\udc00\\ud800"}',
        b'{"message": "a", "seed": "1"}',
        b'{"message": 1}',
        b'{"message": {"a": 1}}',
        b"[" * 100_000,
        b'{"message": ' + b"[" * 100_000,
        b'{"stop": ' + b'{"a":' * 100_000,
    ],
)
def test_what_is_no_request(client: httpx2.Client, body: bytes) -> None:
    answer = client.post("/v1/mime/respond", content=body)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert client.post("/v1/mime/respond", json={"message": SAD}).status_code == 200


def test_deeply_nested_values_of_any_type(client: httpx2.Client) -> None:
    start = b'{"messages": [{"role": "user", "content": "hi"}], "prediction": '
    for nested in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
        answer = client.post("/v1/chat/completions", content=start + nested + b"}")
        assert answer.status_code == 400
        assert "nested too deeply" in answer.json()["error"]["message"]


def test_a_joined_pair_of_surrogates_is_text(client: httpx2.Client) -> None:
    body = b'{"message": "I am sad \\ud83d\\ude22"}'
    assert client.post("/v1/mime/respond", content=body).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/", 404),
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/health", 405),
        ("GET", "/v1/models/other", 404),
        ("GET", "/%00", 404),
        ("GET", "/../etc/passwd", 404),
    ],
)
def test_no_such_path(client: httpx2.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    if status == 405:
        assert answer.headers["allow"]
