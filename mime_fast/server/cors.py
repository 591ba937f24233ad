"""Which pages of other origins may call the API."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from mime_fast.server.endpoint import error_answer
from mime_fast.server.errors import ApiError


class Cors(CORSMiddleware):
    """Starlette's, whose refusals have the one form of errors."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer what a browser asks before the request of a page."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        refusal = error_answer(ApiError(answer.status_code, bytes(answer.body).decode()))
        kept = {name: value for name, value in answer.headers.items() if name[:8] != "content-"}
        return Response(refusal.body, refusal.status, kept, media_type="application/json")


def cors(origins: Sequence[str]) -> Middleware:
    """Pages of these origins may call the API, with a key of theirs."""
    return Middleware(
        Cors,
        allow_origins=list(origins),
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=["retry-after", "retry-after-ms"],
        max_age=600,
    )
