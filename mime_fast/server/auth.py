"""API keys: read from a file or the environment, compared in constant time, never shown."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable
from pathlib import Path

from starlette.types import Scope

from mime_fast.files import read_text
from mime_fast.server.errors import ApiError

VARIABLE = "MIME_FAST_API_KEYS"
SHORTEST = 8  # characters: a shorter key is guessed


class ApiKeys:
    """The keys that are accepted; none: every request is."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        found = list(keys)
        for number, key in enumerate(found, 1):
            if len(key) < SHORTEST or not key.isascii() or any(c.isspace() for c in key):
                raise ValueError(
                    f"API key {number} must have at least {SHORTEST} ASCII characters and no blank"
                )
        self._digests = [_digest(key.encode()) for key in found]

    def __repr__(self) -> str:
        return f"ApiKeys({len(self._digests)} keys)"

    def __bool__(self) -> bool:
        return bool(self._digests)

    def check(self, scope: Scope) -> None:
        """ApiError 401 unless the request carries one of the keys."""
        if not self._digests:
            return
        given = next((v for k, v in scope["headers"] if k == b"authorization"), b"")
        kind, _, key = given.partition(b" ")
        digest = _digest(key.strip())
        # All are compared, so that the time does not depend on which one it is.
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if kind.lower() != b"bearer" or not any(matches):
            missing = "no API key was given" if not key else "the API key is not valid"
            raise ApiError(401, f"{missing}; send the header Authorization: Bearer KEY")


def _digest(key: bytes) -> bytes:
    """All of one length: a comparison of the keys themselves would show theirs."""
    return hashlib.sha256(key).digest()


def load_keys(file: Path | None) -> ApiKeys:
    """The keys of a file, one a line (# begins a comment), and of the environment.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no key, or one that is none.
    """
    keys: list[str] = []
    if (listed := os.environ.get(VARIABLE)) is not None:
        keys += _some([key.strip() for key in listed.split(",")], VARIABLE)
    if file is not None:
        lines = [line.strip() for line in read_text(file).splitlines()]
        keys += _some([line for line in lines if not line.startswith("#")], str(file))
    return ApiKeys(keys)


def _some(keys: list[str], source: str) -> list[str]:
    found = [key for key in keys if key]
    if not found:  # it would open the server to everybody
        raise ValueError(f"{source} holds no API key; write one, or leave it out")
    return found
