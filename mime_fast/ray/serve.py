"""The server as an application of Ray Serve: serve run mime_fast.ray.serve:build.

A replica is one process with the application of `mime-fast serve` and one Generator. Requests of a
replica share the steps of its engine, so Ray batches nothing. Ray routes, restarts and scales.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import ray
from ray import serve
from starlette.applications import Starlette

from mime_fast.generator import Generator
from mime_fast.ray.arguments import Arguments
from mime_fast.server.app import create_app
from mime_fast.server.options import ServerOptions
from mime_fast.server.state import ServerState
from mime_fast.server.tracing import export_traces

CPUS = 2.0  # of a replica, unless ray_actor_options says otherwise
SHUTDOWN_SECONDS = 5.0  # beside --drain-seconds: the controller asks, and the engine ends
POLL_SECONDS = 0.2  # between two looks at what a replica still answers, while it drains
RETRY_AFTER = 1.0  # seconds that a client is told to wait when Ray's queue is full


def build(arguments: Mapping[str, Any]) -> serve.Application:
    """The application of `serve run` and of the YAML in deploy/.

    Args:
        arguments: options of the server and of replies, by name, and checkpoint, engine, device,
            compute_type. `drain_seconds` is the time that a replica may take to end.

    Raises:
        ValueError: an argument is unknown, or its value is wrong.
        OSError: the file of API keys is on this machine, and cannot be read.
    """
    parsed = Arguments.parse(arguments)
    replica: Any = Replica  # the decorators make a Deployment of it
    return replica.options(**_limits(parsed.server)).bind(parsed)


def _limits(options: ServerOptions) -> dict[str, Any]:
    """A replica holds what it runs and what waits in it, where the deadline of requests holds."""
    return {
        "max_ongoing_requests": options.max_running + options.max_waiting,
        "max_queued_requests": max(1, options.max_waiting),
        "backpressure_config": {"status_code": 429, "retry_after_s": RETRY_AFTER},
        "graceful_shutdown_timeout_s": options.drain_seconds + SHUTDOWN_SECONDS,
        "graceful_shutdown_wait_loop_s": POLL_SECONDS,
    }


def assigned_threads() -> int:
    """A thread for each CPU that Ray assigned to this process; at least one."""
    cpus = ray.get_runtime_context().get_assigned_resources().get("CPU", 1.0)
    return max(1, int(cpus))


def _threads(arguments: Arguments) -> int | None:
    """Threads of a call, which only the native engine has."""
    return assigned_threads() if arguments.engine_name == "native" else None


def _log_to_stderr() -> None:
    """Lines of the server's log go where Ray keeps what the process prints."""
    log = logging.getLogger("mime_fast.server")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


@serve.deployment(ray_actor_options={"num_cpus": CPUS})
@serve.ingress()
class Replica:
    """One process that answers."""

    def __init__(self, arguments: Arguments) -> None:
        if arguments.server.traces:
            export_traces()
        _log_to_stderr()
        generator = Generator(**arguments.engine, intra_threads=_threads(arguments))
        defaults = generator.options(None, arguments.reply)
        self._app = create_app(generator, defaults, arguments.server)

    def __serve_build_asgi_app__(self) -> Starlette:
        """The application that Ray calls, and whose lifespan it runs."""
        return self._app

    async def check_health(self) -> None:
        """Wait for the warm-up: Ray sends requests after the first check, as GET /ready asks.

        RuntimeError: the engine is dead, as GET /health says; Ray starts another replica.
        """
        state: ServerState = self._app.state.server
        if state.warming is not None:
            await asyncio.wait([state.warming])
        if not (state.alive and state.warm):
            raise RuntimeError("the engine is dead, or cannot answer; its log says why")
