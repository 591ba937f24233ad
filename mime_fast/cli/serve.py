"""The command that serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from mime_fast.cli.app import Command, app
from mime_fast.cli.options import Options, takes
from mime_fast.cli.shared import EngineOptions, needs
from mime_fast.config import GenerationConfig
from mime_fast.server.options import ServerOptions


@app.command(cls=Command)
@takes(
    server=Options(ServerOptions),
    engine=Options(EngineOptions),
    given=Options(GenerationConfig, given_only=True),
)
def serve(server: ServerOptions, engine: EngineOptions, given: Mapping[str, Any]) -> None:
    """Serve OpenAI's interface over HTTP, and a chat page (extra `serve`).

    mime-fast serve

    mime-fast serve --host 0.0.0.0 --api-key-file keys.txt --workers 4

    Options of a reply are the defaults of requests that leave them out. SIGTERM and Ctrl-C end it
    once running requests are answered.
    """
    with needs("serve"):
        from mime_fast.server import command
    if server.workers > 1:
        engine = _for_workers(engine)
    raise typer.Exit(command.serve(engine.generator, given, server))


def _for_workers(engine: EngineOptions) -> EngineOptions:
    """The engine that processes share: a fork of it has one thread, and no GPU."""
    if engine.intra_threads not in (None, 1):
        raise ValueError(
            f"--workers goes with one thread each, got --threads {engine.intra_threads}; "
            "leave --threads out"
        )
    return engine.native("--workers", threads=1)
