"""GET /openapi.json: the description of the interface, made of the types that decode and encode."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import msgspec

from mime_fast import __version__
from mime_fast.config import GenerationConfig
from mime_fast.server.call import Call
from mime_fast.server.endpoint import Answer
from mime_fast.server.mime import RespondRequest
from mime_fast.server.openai.chat import ChatCompletion, ChatRequest
from mime_fast.server.openai.completions import Completion, CompletionRequest
from mime_fast.server.openai.models import Model, ModelList
from mime_fast.server.openai.response_types import ResponseObject, ResponseRequest
from mime_fast.server.tokenize import TokenizeRequest, Tokens
from mime_fast.types import Response


class ErrorDetail(msgspec.Struct):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(msgspec.Struct):
    """The one form of errors."""

    error: ErrorDetail


class Status(msgspec.Struct):
    """The state of the server, in one word."""

    status: str


class Version(msgspec.Struct):
    """The version of mime_fast."""

    version: str


# Path -> method, summary, request, answer.
DESCRIBED: dict[str, tuple[str, str, Any, Any]] = {
    "/v1/chat/completions": ("post", "Answer a conversation", ChatRequest, ChatCompletion),
    "/v1/completions": ("post", "Answer prompts", CompletionRequest, Completion),
    "/v1/responses": ("post", "Answer a conversation", ResponseRequest, ResponseObject),
    "/v1/mime/respond": (
        "post",
        "Answer a message, with all that is known",
        RespondRequest,
        Response,
    ),
    "/v1/models": ("get", "List the model", None, ModelList),
    "/v1/models/{model}": ("get", "Describe the model", None, Model),
    "/tokenize": ("post", "Tokenise a message", TokenizeRequest, Tokens),
    "/health": ("get", "Whether the engine answers", None, Status),
    "/ready": ("get", "Whether requests should be sent here", None, Status),
    "/metrics": ("get", "Numbers for Prometheus", None, None),
    "/version": ("get", "The version", None, Version),
    "/openapi.json": ("get", "This description", None, None),
}
# Statuses of errors -> what they mean.
ANYWHERE = {
    "400": "it is no HTTP",
    "403": "the server is not called by this name",
    "404": "there is no such path or model",
    "405": "the path does not take the method",
    "408": "the request came too slowly",
    "429": "too many connections or requests; see Retry-After",
    "431": "the headers are too large",
    "500": "the server failed",
}
WITH_KEY = {"401": "no key, or a wrong one"}
WITH_BODY = {
    "400": "something in the request is wrong; param names it",
    "413": "the body is too large",
    "415": "the body is not declared as application/json",
    "503": "the server is being stopped, its engine is dead, or memory is short",
}
PROBES = {"/health": "the engine is dead", "/ready": "warming up, draining or dead"}
PLAIN = {"/metrics": "text/plain", "/openapi.json": "application/json"}


@cache
def description(defaults: GenerationConfig) -> bytes:
    """The document, in JSON; `x-default` of an option is what this server takes without it."""
    types = [kind for *_, given, found in DESCRIBED.values() for kind in (given, found) if kind]
    schemas, components = msgspec.json.schema_components(
        [*types, Error], ref_template="#/components/schemas/{name}"
    )
    for schema in components.values():
        for name, value in defaults.to_dict().items():
            if "x-default" in schema.get("properties", {}).get(name, {}):
                schema["properties"][name]["x-default"] = value
    by_type = dict(zip([*types, Error], schemas, strict=True))
    return json.dumps(  # msgspec writes no integer of more than 64 bits, as a bound of seeds is
        {
            "openapi": "3.1.0",
            "info": {"title": "mime_fast", "version": __version__},
            "paths": {
                path: {method: _operation(path, summary, given, found, by_type)}
                for path, (method, summary, given, found) in DESCRIBED.items()
            },
            "components": {
                "schemas": components,
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
        }
    ).encode()


def _operation(
    path: str, summary: str, given: Any, found: Any, schemas: dict[Any, Any]
) -> dict[str, Any]:
    def content(kind: Any) -> dict[str, Any]:
        return {"application/json": {"schema": schemas[kind]}}

    has_key = path.startswith("/v1/") or path == "/tokenize"
    errors = ANYWHERE | (WITH_KEY if has_key else {}) | (WITH_BODY if given else {})
    answers: dict[str, Any] = {"200": {"description": "The answer"}}
    answers["200"]["content"] = content(found) if found else {PLAIN[path]: {}}
    if "stream" in getattr(given, "__struct_fields__", ()):
        answers["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    answers |= {
        status: {"description": text, "content": content(Error)} for status, text in errors.items()
    }
    if path in PROBES:
        answers["503"] = {"description": PROBES[path], "content": content(found)}
    operation: dict[str, Any] = {"summary": summary, "responses": dict(sorted(answers.items()))}
    if given is not None:
        operation["requestBody"] = {"required": True, "content": content(given)}
    if has_key:
        operation["security"] = [{"key": []}, {}]
    if "{model}" in path:
        operation["parameters"] = [
            {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
        ]
    return operation


async def describe(call: Call) -> Answer:
    """Describe the interface."""
    return Answer(description(call.state.defaults))
