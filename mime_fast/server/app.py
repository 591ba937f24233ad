"""The application: paths, handlers, and what runs while it is served."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from mime_fast.async_generator import AsyncGenerator
from mime_fast.config import GenerationConfig
from mime_fast.generator import Generator
from mime_fast.server import mime, status, tokenize
from mime_fast.server.auth import load_keys
from mime_fast.server.cors import cors
from mime_fast.server.endpoint import Endpoint, Handler, error_answer
from mime_fast.server.errors import ApiError
from mime_fast.server.generation import allowed_options
from mime_fast.server.openai import chat, completions, models, responses
from mime_fast.server.openapi import describe
from mime_fast.server.options import ServerOptions
from mime_fast.server.page import page_routes
from mime_fast.server.state import ServerState
from mime_fast.server.tracing import tracing

log = logging.getLogger("mime_fast.server")
Endpoints = dict[tuple[str, str], Endpoint]  # by method and path
LOAD_SECONDS = 1.0  # between updates of the gauges, for scrapes that another process answers


class Path(NamedTuple):
    """A path of the interface. guarded: it asks for an API key."""

    method: str
    path: str
    handler: Handler
    guarded: bool = True


PATHS = (
    Path("POST", "/v1/chat/completions", chat.chat),
    Path("POST", "/v1/completions", completions.complete),
    Path("POST", "/v1/responses", responses.create_response),
    Path("POST", "/v1/mime/respond", mime.respond),
    Path("GET", "/v1/models", models.list_models),
    Path("GET", "/v1/models/{model:path}", models.get_model),
    Path("POST", "/tokenize", tokenize.tokenize),
    Path("GET", "/health", status.health, guarded=False),
    Path("GET", "/ready", status.ready, guarded=False),
    Path("GET", "/metrics", status.metrics, guarded=False),
    Path("GET", "/version", status.version, guarded=False),
    Path("GET", "/openapi.json", describe, guarded=False),
)


def create_app(
    generator: Generator,
    defaults: GenerationConfig | None = None,
    options: ServerOptions | None = None,
) -> Starlette:
    """The application, to serve or to mount in another one.

    `app.state.server` is its ServerState, `app.state.lifespan` what must run around an application
    that it is mounted in.

    Args:
        generator: who answers.
        defaults: options of a reply that a request leaves out; None: the checkpoint's.
        options: of the server; where it listens is not the application's business.

    Raises:
        OSError: the file of API keys cannot be read.
        ValueError: it holds none, or one that is none; or no request could be answered with the
            defaults.
    """
    options, defaults = options or ServerOptions(), generator.options(defaults)
    allowed_options({}, defaults, options)
    keys = load_keys(options.api_key_file)
    state = ServerState(generator, options, defaults, keys)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        async with serving(state):
            yield

    middleware = _middleware(options)
    endpoints = _endpoints(state)
    app = App(
        {} if middleware else endpoints,
        routes=_routes(state, endpoints),
        middleware=middleware,
        exception_handlers={HTTPException: _refused},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.server, app.state.lifespan = state, lifespan
    return app


class App(Starlette):
    """The application. direct: endpoints that are called without Starlette's layers.

    They catch all exceptions themselves, and need no pattern of a path. That saves a request 60 us
    after a reply, which leaves little of Python's code in the caches.
    """

    def __init__(self, direct: Endpoints, **options: Any) -> None:
        super().__init__(**options)
        self._direct = direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or run for the time that the server runs."""
        found = self._direct.get((scope.get("method", ""), scope.get("path", "")))
        if found is not None and scope["type"] == "http":
            await found(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _endpoints(state: ServerState) -> Endpoints:
    return {
        (method, path): Endpoint(state, path, handler, guarded=guarded)
        for method, path, handler, guarded in PATHS
    }


def _routes(state: ServerState, endpoints: Endpoints) -> list[BaseRoute]:
    found: list[BaseRoute] = [
        Route(path, endpoint, methods=[method]) for (method, path), endpoint in endpoints.items()
    ]
    return [*found, *(page_routes() if state.options.page else [])]


def _middleware(options: ServerOptions) -> list[Middleware]:
    """Pages of other origins may call the API where the operator says so, with a key of theirs."""
    found = [tracing()] if options.traces else []
    if options.cors_origin:
        found.append(cors(options.cors_origin))
    return found


async def _refused(_: Request, error: Exception) -> Response:
    """No such path, or no such method of it."""
    status_code = error.status_code if isinstance(error, HTTPException) else 500
    message = {
        404: "there is no such path; GET /openapi.json lists those that are",
        405: "this path does not take that method; GET /openapi.json lists what it takes",
    }.get(status_code, "the request was refused")
    answer = error_answer(ApiError(status_code, message))
    headers = dict(getattr(error, "headers", None) or {})
    return Response(answer.body, status_code, headers, media_type="application/json")


@asynccontextmanager
async def serving(state: ServerState) -> AsyncIterator[None]:
    """What runs while requests are answered: the engine, its warm-up, the gauges."""
    options = state.options
    state.warm = state.draining = False  # an application may be started again
    state.service = AsyncGenerator(
        state.generator,
        max_running=options.max_running,
        max_waiting=options.max_waiting,
        max_wait_seconds=options.max_wait_seconds,
    )
    state.warming = asyncio.create_task(_warm_up(state))
    tasks = [state.warming, asyncio.create_task(_watch_load(state))]
    try:
        yield
    finally:
        state.draining = True
        for task in tasks:
            task.cancel()
        await state.service.aclose()


async def _warm_up(state: ServerState) -> None:
    if state.service is None:
        return
    try:
        await state.service.warmup(config=state.defaults)
    except Exception:  # whatever it is, a request would meet it, too
        log.exception("the warm-up failed; the server stays unready")
    else:
        state.warm = True


async def _watch_load(state: ServerState) -> None:
    while True:
        state.show_load()
        await asyncio.sleep(LOAD_SECONDS)
