"""Bodies of requests: limited while they are read, decoded once."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec
from starlette.types import Receive, Scope

from mime_fast.server.errors import ApiError, wrong_body

T = TypeVar("T")
FAILURE = "mime_fast.failure"  # in the extensions of the scope: why the body cannot be read on


class ClientGone(Exception):  # noqa: N818 - no fault of ours
    """The client closed the connection; nobody reads an answer."""


def check_media_type(scope: Scope) -> None:
    """ApiError 415 unless the body is declared as JSON.

    A page of any origin can send other types to a server on the reader's machine, without a
    preflight request.
    """
    given = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if given.partition(b";")[0].strip().lower() != b"application/json":
        got = given.decode("latin-1") or "none"
        raise ApiError(415, f"the header Content-Type must be application/json, got {got}")


async def read_body(scope: Scope, receive: Receive, most: int, seconds: float) -> bytes:
    """The whole body.

    Raises:
        ApiError: 413, it has more than `most` bytes; 408, it took longer than `seconds`; 400, it
            is no HTTP.
        ClientGone: the connection was closed before its end.
    """
    _check_stated_length(scope, most)
    message = await _receive(scope, receive, seconds)
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):  # nearly always
        return _limited(body, most)
    parts = [body]
    deadline = asyncio.get_running_loop().time() + seconds
    while message.get("more_body", False):
        message = await _receive(scope, receive, deadline - asyncio.get_running_loop().time())
        parts.append(message.get("body", b""))
        _limited(parts, most)
    return b"".join(parts)


def _check_stated_length(scope: Scope, most: int) -> None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > most:
            raise _too_large(most)


def _limited(body: Any, most: int) -> Any:
    size = len(body) if isinstance(body, bytes) else sum(map(len, body))
    if size > most:
        raise _too_large(most)
    return body


def _too_large(most: int) -> ApiError:
    message = f"the body has more than {most} bytes, the limit of this server; send less"
    return ApiError(413, message, close=True)


async def _receive(scope: Scope, receive: Receive, seconds: float) -> Any:
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
    except TimeoutError:
        raise ApiError(
            408, "the request did not come in time; send it faster", close=True
        ) from None
    if message["type"] == "http.disconnect":
        raise ClientGone
    failure: ApiError | None = scope.get("extensions", {}).get(FAILURE)
    if failure is not None:
        raise failure
    return message


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The request in a body; ApiError says what is wrong with it, and where."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise wrong_body(error) from None
