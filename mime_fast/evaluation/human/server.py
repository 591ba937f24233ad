"""The routes of the page, and the process that serves them."""

from __future__ import annotations

import logging
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Annotated, Literal

import uvicorn
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mime_fast.evaluation.human.database import remedy
from mime_fast.evaluation.human.desk import Desk, Side, UnknownItemError
from mime_fast.evaluation.human.guard import refusal
from mime_fast.evaluation.human.votes import DuplicateVoteError

FILES = {
    "/": ("index.html", "text/html"),
    "/annotate.js": ("annotate.js", "text/javascript"),
    "/delivery.js": ("delivery.js", "text/javascript"),
    "/annotate.css": ("annotate.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
HEADERS = {
    "Annotate": "votes",  # the page believes no other program that answers at this address
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
LONGEST = 200  # characters of a field, more than any that is right
Score = Annotated[int, Field(ge=1, le=5)]
Name = Annotated[str, Query(alias="annotator", max_length=LONGEST)]
Place = Annotated[int, Path(ge=0, le=2**31)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ScoresBody(_Strict):
    """Ratings of a reply."""

    empathy: Score
    relevance: Score
    fluency: Score


class VoteBody(_Strict):
    """A vote as the page sends it."""

    evaluation: Annotated[str, Field(max_length=LONGEST)]
    annotator: Annotated[str, Field(max_length=LONGEST)]
    item: Annotated[int, Field(ge=0, le=2**31)]
    revision: Annotated[int, Field(ge=0, le=2**31)]
    answer: ScoresBody | Literal["left", "right", "tie"]


def create_app(desk: Desk, host: str) -> FastAPI:
    """The application; `host` is what it listens on, and one of the names that it answers to."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _add_guard(app, host)
    _add_errors(app)
    for path, (name, kind) in FILES.items():
        app.get(path)(_static(name, kind))

    @app.get("/api/next")
    def get_next(name: Name) -> dict[str, object]:
        return desk.next(name)

    @app.get("/api/evaluation")
    def get_evaluation() -> dict[str, str]:
        return {"evaluation": desk.plan.id}

    @app.get("/api/items/{place}")
    def get_item(place: Place, name: Name) -> dict[str, object]:
        return desk.again(name, place)

    @app.post("/api/votes")
    def add_vote(body: VoteBody) -> Response:
        if body.evaluation != desk.plan.id:
            message = "this server runs another evaluation now; your vote was not stored in it"
            return _error(409, message, "evaluation")
        answer: dict[str, int] | Side = (
            body.answer if isinstance(body.answer, str) else body.answer.model_dump()
        )
        desk.vote(body.annotator, body.item, body.revision, answer)
        return JSONResponse({"stored": True})

    return app


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        ValueError: the port is none.
        OSError: it is taken, or the host is not an address of this machine.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"port must be in [0, 65535], got {port}; 0 takes a free one")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        raise OSError(
            f"cannot listen on port {port} of {host} ({error}); give another --port or --host"
        ) from error


def serve(desk: Desk, listener: socket.socket, host: str) -> None:
    """Answer until interrupted."""
    config = uvicorn.Config(
        create_app(desk, host),
        access_log=False,
        log_level=logging.WARNING,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=2,
        ws="none",
    )
    uvicorn.Server(config).run(sockets=[listener])


def _static(name: str, kind: str) -> Callable[[], Response]:
    content = resources.files(__package__).joinpath("static", name).read_bytes()

    def get() -> Response:
        return Response(content, media_type=kind)

    return get


def _add_guard(app: FastAPI, host: str) -> None:
    @app.middleware("http")
    async def guard(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        refused = refusal(request.method, request.scope["path"], request.headers, host)
        response = await call_next(request) if refused is None else _error(*refused)
        response.headers.update(HEADERS)
        return response


def _add_errors(app: FastAPI) -> None:
    statuses: dict[type[Exception], tuple[int, str]] = {
        UnknownItemError: (404, "item"),
        DuplicateVoteError: (409, "duplicate"),
        ValueError: (422, "value"),
    }
    for kind, (status, reason) in statuses.items():
        app.exception_handler(kind)(_handler(status, reason))

    @app.exception_handler(sqlite3.Error)
    async def unstored(_: Request, error: sqlite3.Error) -> Response:
        message = f"the vote cannot be stored now ({error}); {remedy(error)}"
        return _error(503, message, "database")

    @app.exception_handler(HTTPException)  # no such path, no such method, no JSON
    async def refused(_: Request, error: HTTPException) -> Response:
        return _error(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        problems = [
            f"{'.'.join(map(str, problem['loc'][1:]))}: {problem['msg']}"
            for problem in error.errors()
        ]
        return _error(422, "; ".join(problems)[:1000], "value")


def _handler(status: int, reason: str) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(_: Request, error: Exception) -> Response:
        return _error(status, str(error), reason)

    return handle


def _error(status: int, message: str, reason: str = "refused") -> Response:
    return JSONResponse({"error": message, "reason": reason}, status)
