"""The one form of errors: {"error": {message, type, param, code}}, as OpenAI's clients read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from http import HTTPStatus

import msgspec

from mime_fast.async_generator import DeadlineExceeded, QueueFull, ServiceClosed
from mime_fast.config import GenerationConfig
from mime_fast.options import describe, table

OPTIONS = frozenset(field.name for field in fields(GenerationConfig))
LONGEST = 200  # characters of a message that may repeat what the client sent
TURN = re.compile(r"turn (\d+) ")  # how an error of a turn begins
KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
CODES = {
    401: "invalid_api_key",
    403: "host_not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "request_too_large",
    415: "unsupported_media_type",
    431: "headers_too_large",
}


@dataclass
class ApiError(Exception):
    """The error that a client gets. retry_after: seconds, of 429 and 503."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None
    retry_after: float | None = None
    close: bool = False  # the connection, as the rest of the request is not read

    @property
    def kind(self) -> str:
        """The `type` of the error."""
        usual = "server_error" if self.status >= 500 else "invalid_request_error"
        return KINDS.get(self.status, usual)

    def body(self) -> dict[str, dict[str, str | None]]:
        """The JSON of the error."""
        return {
            "error": {
                "message": _shorten_repeated(self.message),
                "type": self.kind,
                "param": None if self.param is None else shorten(self.param, 80),
                "code": self.code or CODES.get(self.status),
            }
        }

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that come with it."""
        found = []
        if self.retry_after is not None:
            milliseconds = max(1, round(1e3 * self.retry_after))
            found.append((b"retry-after", b"%d" % -(-milliseconds // 1000)))
            found.append((b"retry-after-ms", b"%d" % milliseconds))
        if self.status == HTTPStatus.UNAUTHORIZED:
            found.append((b"www-authenticate", b"Bearer"))
        if self.close:
            found.append((b"connection", b"close"))
        return found


def _shorten_repeated(message: str) -> str:
    """The message with its beginning whole where that is ours alone: it lists what is allowed."""
    start = next((each for each in _choices() if message.startswith(each)), "")
    return start + shorten(message[len(start) :])


@cache
def _choices() -> tuple[str, ...]:
    """How errors of options begin that have a fixed set of values."""
    entries = [each for each in table(GenerationConfig) if each.option.choices]
    return tuple(f"{entry.name} must be {describe(entry)}" for entry in entries)


def shorten(text: str, longest: int = LONGEST) -> str:
    """The text, without its middle where it is longer than this."""
    text = text.encode(errors="replace").decode()
    if len(text) <= longest:
        return text
    half = (longest - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


# Exceptions of the engine, with the status and the code that they become.
OVERLOADS: dict[type[Exception], tuple[int, str]] = {
    QueueFull: (429, "queue_full"),
    DeadlineExceeded: (429, "deadline_exceeded"),
    ServiceClosed: (503, "draining"),
    MemoryError: (503, "no_memory"),
}


def to_api_error(error: BaseException, retry_after: float = 1.0) -> ApiError:
    """The error that a client gets for an exception; it names no detail of an unforeseen one."""
    if isinstance(error, ApiError):
        return error
    for kind, (status, code) in OVERLOADS.items():
        if isinstance(error, kind):
            message = str(error) or "there is too little memory now; try again later"
            return ApiError(status, message, code=code, retry_after=retry_after)
    if isinstance(error, (ValueError, TypeError)):
        return _wrong_value(str(error))
    return ApiError(500, "the server failed to answer; its log says why", code="internal")


def _wrong_value(message: str) -> ApiError:
    """The first word of our errors of options is the option."""
    first = message.partition(" ")[0].partition("=")[0]
    return ApiError(400, message, first if first in OPTIONS else None)


def wrong_body(error: Exception) -> ApiError:
    """What is wrong with a body that cannot be decoded."""
    if isinstance(error, RecursionError):
        return ApiError(400, "the JSON is nested too deeply", code="invalid_json")
    if isinstance(error, UnicodeError):
        return ApiError(400, "the body must be UTF-8", code="invalid_json")
    if not isinstance(error, msgspec.ValidationError):
        return ApiError(
            400, f"the body must be JSON, without lone surrogates: {error}", code="invalid_json"
        )
    message, _, place = str(error).partition(" - at `$")
    param = place.rstrip("`").lstrip(".") or None
    if message.startswith("Object contains unknown field `"):
        name = message.partition("`")[2].rstrip("`")
        return ApiError(400, f"unknown option {name!r}", f"{param}.{name}" if param else name)
    return ApiError(400, f"{param or 'the body'}: {message}", param)


def renamed(error: ApiError, names: dict[str, str], turn_names: Sequence[str] = ()) -> ApiError:
    """The error of options that the client knows by other names, ours -> the client's.

    turn_names: what the client calls each turn.
    """
    message, param = error.message, error.param
    if (turn := TURN.match(message)) and 1 <= int(turn[1]) <= len(turn_names):
        param = turn_names[int(turn[1]) - 1]
        message = f"{param} {message[turn.end() :]}"
    for ours, given in names.items():
        message = message.replace(ours, given)
        param = given if param == ours else param
    return replace(error, message=message, param=param)
