"""The paths that are ours or of operators, and the description of them all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.routing import Mount

from mime_fast import GenerationConfig, Generator, __version__
from mime_fast.cli.show import as_json
from mime_fast.server.app import PATHS, create_app
from mime_fast.server.options import ServerOptions
from mime_fast.text.dialogue import encode_dialogue
from tests.server.serving import SAD, Run, running


def test_a_response_holds_everything(client: httpx2.Client, generator: Generator) -> None:
    body = {"message": ["I lost my dog.", "Oh no!", "He ran away."], "seed": 3, "num_beams": 3}
    found = client.post("/v1/mime/respond", json=body).json()
    expected = json.loads(
        as_json(
            generator.respond(["I lost my dog.", "Oh no!", "He ran away."], seed=3, num_beams=3)
        )
    )
    assert found.pop("timings").keys() == expected.pop("timings").keys()
    assert found == expected


@pytest.mark.parametrize("text", ["I lost my dog. " * 1000, "\ufdfa" * 1000])
def test_a_long_text_is_tokenized(client: httpx2.Client, generator: Generator, text: str) -> None:
    found = client.post("/tokenize", json={"prompt": text}).json()
    longest = generator.engine.config.max_positions
    assert found["tokens"] == encode_dialogue(generator.tokenizer, [text], longest).tokens
    wrong = client.post("/tokenize", json={"prompt": "\ufdfa" * 6000})
    assert wrong.status_code == 400
    assert "normalised" in wrong.text


def test_tokenize(client: httpx2.Client, generator: Generator) -> None:
    found = client.post("/tokenize", json={"prompt": SAD, "return_token_strs": True}).json()
    assert found["count"] == len(found["tokens"]) == generator.respond(SAD).prompt_tokens
    assert found["token_strs"][1:] == ["i", "lost", "my", "dog", "yesterday", "."]
    assert found["max_model_len"] == generator.engine.config.max_positions
    messages = [{"role": "user", "content": SAD}]
    assert client.post("/tokenize", json={"messages": messages}).json()["tokens"] == found["tokens"]
    for wrong in ({}, {"prompt": SAD, "messages": messages}, {"prompt": " "}, {"prompt": 1}):
        assert client.post("/tokenize", json=wrong).status_code == 400


def test_word_pieces_of_a_context(save_tiny_base: Callable[..., Path], tmp_path: Path) -> None:
    """They are not the subwords of a reply, which have other ids."""
    generator = Generator(save_tiny_base(tmp_path / "base"), engine="native", intra_threads=1)
    with running(generator) as server, server.client() as client:
        body = {"prompt": "my dogs", "return_token_strs": True}
        found = client.post("/tokenize", json=body).json()
    assert found["token_strs"] == ["[CLS]", "my", "dog", "##s", ".", "[SEP]"]


def test_what_operators_ask(client: httpx2.Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}
    assert client.get("/version").json() == {"version": __version__}


def test_a_dead_engine_is_told(run: Run) -> None:
    with run() as server, server.client() as client:
        service = server.state.service
        server.state.service = None
        answers = [client.get("/health"), client.get("/ready")]
        assert [answer.status_code for answer in answers] == [503, 503]
        assert client.post("/v1/mime/respond", json={"message": SAD}).status_code == 503
        server.state.service = service


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    return set()


def test_the_description_names_every_path_and_option(client: httpx2.Client) -> None:
    found = client.get("/openapi.json").json()
    described = {(m.upper(), path) for path, methods in found["paths"].items() for m in methods}
    assert described == {(p.method, p.path.replace(":path", "")) for p in PATHS}
    schemas = found["components"]["schemas"]
    assert references(found) <= {f"#/components/schemas/{name}" for name in schemas}
    options = schemas["RespondRequest"]["properties"]
    assert options["top_p"]["description"]
    assert options["top_p"]["exclusiveMinimum"] == 0
    assert "devastated" in options["emotion"]["enum"]


def test_the_description_has_every_status(client: httpx2.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    everywhere = {"200", "400", "403", "404", "405", "408", "429", "431", "500"}
    with_body = everywhere | {"401", "413", "415", "503"}
    for path, operations in paths.items():
        for method, operation in operations.items():
            found = operation["responses"]
            expected = with_body if method == "post" else everywhere
            if path.startswith("/v1/models"):
                expected = expected | {"401"}
            if path in ("/health", "/ready"):
                expected = expected | {"503"}
            assert set(found) == expected, path
            error = found["404"]["content"]["application/json"]["schema"]["$ref"]
            assert error.endswith("/Error")
            streams = "text/event-stream" in found["200"]["content"]
            assert streams == (method == "post" and path != "/tokenize"), path
    for path in ("/health", "/ready"):
        schema = paths[path]["get"]["responses"]["503"]["content"]["application/json"]["schema"]
        assert schema["$ref"].endswith("/Status")
    assert "text/plain" in paths["/metrics"]["get"]["responses"]["200"]["content"]


def test_it_is_mounted_in_another_application(generator: Generator) -> None:
    inner = create_app(generator, options=ServerOptions(page=False))
    outer = FastAPI(lifespan=inner.state.lifespan)
    outer.mount("/mime", inner)
    nested = Starlette(routes=[Mount("/deep", outer)], lifespan=inner.state.lifespan)
    for app, prefix in ((outer, "/mime"), (nested, "/deep/mime")):
        with TestClient(app) as client:
            answer = client.post(f"{prefix}/v1/mime/respond", json={"message": SAD})
            assert answer.status_code == 200
            assert client.get(f"{prefix}/v1/models").json()["data"][0]["id"] == "mime"


def test_every_path_answers_through_starlette_too(run: Run) -> None:
    """With a middleware no endpoint is called directly."""
    with run(cors_origin=("*",)) as server, server.client() as client:
        for method, path, _, guarded in PATHS:
            answer = client.request(method, path.replace("{model:path}", "mime"))
            assert answer.status_code == (415 if method == "POST" else 200), path
            assert guarded or method == "GET"
        body = {"message": SAD, "seed": 1}
        assert client.post("/v1/mime/respond", json=body).json()["seed"] == 1


def test_the_defaults_of_the_server(run: Run, generator: Generator) -> None:
    defaults = GenerationConfig(num_beams=3, seed=8)
    with run(defaults, model_name="kind") as server, server.client() as client:
        body = {"model": "kind", "messages": [{"role": "user", "content": SAD}]}
        found = client.post("/v1/chat/completions", json=body).json()
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
        assert schemas["RespondRequest"]["properties"]["num_beams"]["x-default"] == 3
    expected = generator.respond(SAD, defaults)
    assert found["choices"][0]["message"]["content"] == expected.text
    assert (found["mime"]["seed"], found["model"]) == (8, "kind")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 70000}, r"port must be an integer in \[0, 65535\]"),
        ({"model_name": " "}, "model_name must hold a name"),
        ({"model_name": "a\udcff"}, "model_name must be printable text"),
        ({"model_name": "a\n"}, "model_name must be printable text"),
        ({"cors_origin": ("example.org",)}, "cors_origin must be like https://example.org"),
        ({"cors_origin": ("https://example.org/a",)}, "cors_origin must be like"),
        ({"cors_origin": ("https://\udcff.org",)}, "cors_origin must be like"),
        ({"cors_origin": ("https://example.org/",)}, "must be https://example.org, as browsers"),
        ({"cors_origin": ("HTTPS://Example.org",)}, "must be https://example.org, as browsers"),
        ({"cors_origin": ("https://example.org:443",)}, "must be https://example.org, as browsers"),
        ({"cors_origin": ("http://a.org:80/",)}, "must be http://a.org, as browsers"),
        ({"allowed_host": ("example.org:80",)}, "allowed_host must be a name like example.org"),
        ({"allowed_host": (".",)}, "allowed_host must be a name like example.org"),
        ({"max_waiting": 10**20}, r"max_waiting must be an integer in \[0, 2\*\*31\)"),
        ({"max_running": 2**31}, r"max_running must be an integer in \[1, 2\*\*31\)"),
        ({"max_wait_seconds": 1e300}, r"max_wait_seconds must be in \(0, 2\*\*31\)"),
        ({"drain_seconds": -1}, "drain_seconds must be at least 0"),
    ],
)
def test_wrong_options_of_the_server(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ServerOptions(**options)


@pytest.mark.parametrize(
    "origin",
    ["*", "https://example.org", "http://localhost:3000", "http://[::1]:8080", "app://a"],
)
def test_origins(origin: str) -> None:
    assert ServerOptions(cors_origin=(origin,)).cors_origin == (origin,)


@pytest.mark.parametrize("options", [{"max_running": 2**31 - 1}, {"max_waiting": 2**31 - 1}])
def test_the_largest_limits(generator: Generator, options: dict[str, Any]) -> None:
    with TestClient(create_app(generator, options=ServerOptions(**options))) as client:
        assert client.post("/v1/mime/respond", json={"message": SAD}).status_code == 200


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        (GenerationConfig(max_new_tokens=5000), "max_new_tokens must be at most 1000"),
        (GenerationConfig(num_beams=200), "num_beams must be at most 128"),
        (GenerationConfig(num_beams=100, max_new_tokens=100), "max_new_tokens must be at most 81"),
    ],
)
def test_defaults_that_no_request_could_be_answered_with(
    generator: Generator, defaults: GenerationConfig, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        create_app(generator, defaults)
