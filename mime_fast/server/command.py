"""mime-fast serve: options -> a process that answers, or several."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mime_fast.config import GenerationConfig
from mime_fast.generator import Generator
from mime_fast.server.auth import load_keys
from mime_fast.server.generation import allowed_options
from mime_fast.server.listening import address, listen
from mime_fast.server.options import ServerOptions
from mime_fast.server.tracing import export_traces, tracing
from mime_fast.server.workers import Workers

LIBRARIES = ("starlette", "uvicorn", "uvloop", "httptools", "prometheus_client")


def serve(load: Callable[[], Generator], given: Mapping[str, Any], options: ServerOptions) -> int:
    """Serve until a signal; the exit status.

    load: makes the Generator, once it is known that the address and the keys can be used. given:
    options of a reply that requests may leave out.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    check_installed(traces=options.traces)
    load_keys(options.api_key_file)
    with listen(options) as listener, _removed(options.uds):
        generator = load()
        defaults = generator.options(None, given)
        allowed_options({}, defaults, options)
        return _run(generator, defaults, options, listener)


def check_installed(*, traces: bool) -> None:
    """ModuleNotFoundError if a library is missing that is imported only after the weights."""
    for name in LIBRARIES:
        if find_spec(name) is None:
            raise ModuleNotFoundError(
                f"{name} is not installed; run: pip install 'mime-fast[serve]'", name=name
            )
    if traces:
        tracing()


@contextmanager
def _removed(socket_file: Path | None) -> Iterator[None]:
    try:
        yield
    finally:
        if socket_file is not None:
            socket_file.unlink(missing_ok=True)


def _run(
    generator: Generator,
    defaults: GenerationConfig,
    options: ServerOptions,
    listener: socket.socket,
) -> int:
    def announce() -> None:
        print(f"{address(listener, options)} answers; Ctrl-C stops", flush=True)

    def work(on_start: Callable[[], None] = lambda: None) -> None:
        # Late: prometheus_client looks when it is imported where processes share their values.
        from mime_fast.server.app import create_app  # noqa: PLC0415
        from mime_fast.server.process import run  # noqa: PLC0415

        if options.traces:
            export_traces()
        run(create_app(generator, defaults, options), listener, on_start)

    if options.workers > 1:
        return Workers(options.workers, work).run(announce)
    work(announce)
    return 0
