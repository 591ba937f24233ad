"""What the answers of /v1/chat/completions and /v1/completions share, whole or in pieces."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from mime_fast.server.errors import ApiError
from mime_fast.server.openai.parts import FINGERPRINT, new_id

DONE = b"data: [DONE]\n\n"


class StreamOptions(msgspec.Struct, forbid_unknown_fields=True):
    """Options of a stream. Nothing is ever obfuscated."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


def wants_usage(request: Any) -> bool:
    """Whether a stream ends with its usage; ApiError for options of a stream that is none."""
    options: StreamOptions | None = request.stream_options
    if options is None:
        return False
    if not request.stream:
        raise ApiError(400, "stream_options needs stream=true", "stream_options")
    return bool(options.include_usage)


def new_head(prefix: str, kind: str, model: str) -> dict[str, Any]:
    """The fields that an answer and all its pieces have alike."""
    return {
        "id": new_id(prefix),
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": FINGERPRINT,
    }
