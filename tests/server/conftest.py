"""Servers with the bundled checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from mime_fast import GenerationConfig, Generator
from tests.server.serving import Run, Running, running


@pytest.fixture(scope="session")
def generator() -> Generator:
    found = Generator("mime-small", engine="native", intra_threads=1)
    found.defaults = GenerationConfig(avoid_cheer=False)  # a stream then has an event for each word
    return found


@pytest.fixture(scope="session")
def run(generator: Generator) -> Run:
    """Starts a server with other options."""

    def call(defaults: GenerationConfig | None = None, **options: Any) -> Any:
        return running(generator, defaults, **options)

    return call


@pytest.fixture(scope="module")
def server(generator: Generator) -> Iterator[Running]:
    """One that all tests of a module share."""
    with running(generator) as found:
        yield found


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[httpx2.Client]:
    with server.client() as found:
        yield found
