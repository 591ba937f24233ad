"""API keys: where they come from, who is let in, and that they stay secret."""

from __future__ import annotations

import hmac
import logging
from pathlib import Path

import pytest

from mime_fast.server.auth import VARIABLE, ApiKeys, load_keys
from tests.server.serving import SAD, Run

KEY, OTHER = "sesame-open-1", "sesame-open-2"
BODY = {"message": SAD}


def test_keys_of_a_file_and_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not load_keys(None)
    file = tmp_path / "keys"
    file.write_text(f"# ours\n\n {KEY} \n", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, f"{OTHER},")
    keys = load_keys(file)
    for key in (KEY, OTHER):
        keys.check({"headers": [(b"authorization", f"Bearer {key}".encode())]})
    assert KEY not in repr(keys) + repr(vars(keys))


@pytest.mark.parametrize("start", ["\ufeff", "# ours\r\n", "\ufeff# ours\r"])
def test_files_of_other_editors(tmp_path: Path, start: str) -> None:
    file = tmp_path / "keys"
    file.write_bytes(f"{start}{KEY}\r\n".encode())
    load_keys(file).check({"headers": [(b"authorization", f"Bearer {KEY}".encode())]})


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"sesame-\xe9\xe9\xe9\n")
    with pytest.raises(ValueError, match=f"{file} is not UTF-8"):
        load_keys(file)


@pytest.mark.parametrize("content", ["", "# none\n", "\n\n"])
def test_a_source_without_a_key_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    file = tmp_path / "keys"
    file.write_text(content)
    with pytest.raises(ValueError, match="holds no API key"):
        load_keys(file)
    monkeypatch.setenv(VARIABLE, " , ")
    with pytest.raises(ValueError, match=f"{VARIABLE} holds no API key"):
        load_keys(None)


@pytest.mark.parametrize("key", ["short", "with a blank", "gr\u00fc\u00dfe-gr\u00fc\u00dfe"])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="API key 2 must have at least 8") as raised:
        ApiKeys([KEY, key])
    assert key not in str(raised.value)


def test_all_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return original(first, second)

    original = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare)
    ApiKeys([KEY, OTHER]).check({"headers": [(b"authorization", b"Bearer " + KEY.encode())]})
    assert [len(a) == len(b) == 32 for a, b in compared] == [True, True]


def test_who_is_let_in(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{KEY}\n{OTHER}\n")
    caplog.set_level(logging.DEBUG)
    with run(api_key_file=file) as server, server.client() as client:
        for path in ("/health", "/ready", "/metrics", "/version", "/openapi.json", "/"):
            assert client.get(path).status_code == 200, path
        for path in ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/tokenize"):
            assert client.post(path, json={}).status_code == 401, path
        assert client.get("/v1/models").status_code == 401
        wrong = [
            "",
            "Bearer",
            f"Bearer {KEY}x",
            f"Basic {KEY}",
            KEY,
            f"Bearer {KEY[:-1]}",
        ]
        for header in wrong:
            answer = client.post("/v1/mime/respond", json=BODY, headers={"Authorization": header})
            assert answer.status_code == 401, header
            assert answer.headers["www-authenticate"] == "Bearer"
            assert KEY not in answer.text
        for header in (f"Bearer {KEY}", f"bearer  {OTHER}"):
            answer = client.post("/v1/mime/respond", json=BODY, headers={"Authorization": header})
            assert answer.status_code == 200
    assert KEY not in caplog.text
    assert OTHER not in caplog.text


def test_pages_of_other_origins(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    asks = {
        "Origin": "https://example.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    allowed = "access-control-allow-origin"
    with run() as server, server.client() as client:
        assert client.options("/v1/mime/respond", headers=asks).status_code == 405
        assert allowed not in client.get("/version", headers=asks).headers
    with run(cors_origin=("https://example.org",)) as server, server.client() as client:
        answer = client.options("/v1/mime/respond", headers=asks)  # without a key
        assert (answer.status_code, answer.headers[allowed]) == (200, "https://example.org")
        stranger = client.options("/v1/mime/respond", headers={**asks, "Origin": "https://x.org"})
        assert allowed not in stranger.headers
        assert (stranger.status_code, stranger.json()["error"]["code"]) == (400, None)
        assert "origin" in stranger.json()["error"]["message"]
        refused = client.post("/v1/mime/respond", json=BODY, headers=asks)
        assert (refused.status_code, refused.headers[allowed]) == (401, "https://example.org")
