"""The form of errors, and that they never repeat much of what a client sent."""

from __future__ import annotations

import json

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.async_generator import DeadlineExceeded, QueueFull, ServiceClosed
from mime_fast.config import GenerationConfig
from mime_fast.options import describe, table
from mime_fast.server.errors import LONGEST, ApiError, shorten, to_api_error
from tests.server.serving import JSON, SAD

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
    assert error["message"].count("z") <= LONGEST
    assert len(error["param"] or "") <= 80
    assert len(error["message"]) <= 3 * LONGEST  # some list what is allowed
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("name", ["emotion", "on_crisis", "early_stopping"])
def test_an_error_lists_what_is_allowed(client: httpx2.Client, name: str) -> None:
    for value in ("no such", LONG):
        answer = client.post("/v1/mime/respond", json={"message": SAD, name: value})
        found = answer.json()["error"]
        (entry,) = (each for each in table(GenerationConfig) if each.name == name)
        assert found["message"].startswith(f"{name} must be {describe(entry)}, got")
        assert found["param"] == name


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
    answer = client.post("/v1/mime/respond", content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert client.post("/v1/mime/respond", json={"message": SAD}).status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/plain;application/json",
        "json",
    ],
)
@pytest.mark.parametrize("path", ["/v1/mime/respond", "/v1/chat/completions", "/tokenize"])
def test_what_any_page_may_send_is_no_request(
    client: httpx2.Client, path: str, given: str | None
) -> None:
    headers = {} if given is None else {"Content-Type": given}
    answer = client.post(path, content=b'{"message": "a"}', headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert "application/json" in answer.json()["error"]["message"]


@pytest.mark.parametrize("given", ["application/json; charset=utf-8", "Application/JSON;"])
def test_forms_of_the_media_type(client: httpx2.Client, given: str) -> None:
    headers = {"Content-Type": given}
    answer = client.post("/v1/mime/respond", content=b'{"message": "a"}', headers=headers)
    assert answer.status_code == 200


USER, EMPTY = {"role": "user", "content": "a"}, {"role": "user", "content": " "}
SYSTEM, LISTENER = {"role": "system", "content": "s"}, {"role": "assistant", "content": "b"}


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/mime/respond", {"message": ""}, "message"),
        ("/v1/mime/respond", {"message": ["a", "b", "\u200b"]}, "message[2]"),
        ("/v1/mime/respond", {"message": ["a", "b" * 100_001, "c"]}, "message[1]"),
        ("/v1/mime/respond", {"message": ["a", "b"]}, "message"),
        ("/v1/mime/respond", {"message": []}, "message"),
        ("/v1/mime/respond", {"message": "", "stream": True}, "message"),
        ("/v1/chat/completions", {"messages": [EMPTY]}, "messages[0].content"),
        ("/v1/chat/completions", {"messages": [SYSTEM, EMPTY, EMPTY]}, "messages[1].content"),
        (
            "/v1/chat/completions",
            {"messages": [LISTENER, USER, LISTENER, SYSTEM, EMPTY]},
            "messages[4].content",
        ),
        ("/v1/responses", {"input": ""}, "input"),
        ("/v1/responses", {"input": [SYSTEM, EMPTY]}, "input[1].content"),
        ("/v1/completions", {"prompt": ""}, "prompt"),
        ("/v1/completions", {"prompt": ["a", "b", ""]}, "prompt[2]"),
        ("/tokenize", {"prompt": ""}, "prompt"),
        ("/tokenize", {"messages": [SYSTEM, EMPTY]}, "messages[1].content"),
    ],
)
def test_an_error_names_the_message(
    client: httpx2.Client, path: str, body: dict[str, object], param: str
) -> None:
    answer = client.post(path, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert error["message"].startswith(param)


def test_deeply_nested_values_of_any_type(client: httpx2.Client) -> None:
    start = b'{"messages": [{"role": "user", "content": "hi"}], "prediction": '
    for nested in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
        answer = client.post("/v1/chat/completions", content=start + nested + b"}", headers=JSON)
        assert answer.status_code == 400
        assert "nested too deeply" in answer.json()["error"]["message"]


def test_a_joined_pair_of_surrogates_is_text(client: httpx2.Client) -> None:
    body = b'{"message": "I am sad \\ud83d\\ude22"}'
    assert client.post("/v1/mime/respond", content=body, headers=JSON).status_code == 200


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
