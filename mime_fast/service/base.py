"""What every service does: it admits requests, runs them, and hands out what they made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mime_fast.config import require
from mime_fast.generator import EngineRequest
from mime_fast.types import Response, TokenEvent

CLOSED = "it was closed; make a new AsyncGenerator"


class QueueFull(RuntimeError):  # noqa: N818 - public, named as in asyncio and gRPC
    """The request was refused: as many run and wait as may. No work was done for it."""


class DeadlineExceeded(TimeoutError):  # noqa: N818 - public, named as in asyncio and gRPC
    """The request was dropped while it waited. No work was done for it."""


class ServiceClosed(RuntimeError):  # noqa: N818 - public, named as in asyncio and gRPC
    """The service takes no requests, or ended before this one did."""


@dataclass(frozen=True)
class Limits:
    """How many requests may run at the same time, and how many may wait."""

    running: int = 32
    waiting: int = 1024

    def __post_init__(self) -> None:
        require(self.running >= 1, f"max_running must be at least 1, got {self.running}")
        require(self.waiting >= 0, f"max_waiting must be at least 0, got {self.waiting}")

    def check_room(self, running: int, waiting: int) -> None:
        """QueueFull: so many requests run and wait that no further one may wait."""
        if waiting >= self.waiting:
            raise QueueFull(
                f"{running} requests run and {waiting} wait, as many as may; "
                "try again later, or raise max_waiting"
            )


class DraftCount(NamedTuple):
    """How many words of complete replies were drafted, and how many of these were right."""

    drafted: int = 0
    accepted: int = 0


class Service(Protocol):
    """Runs requests of one message. All methods are called in the event loop of `attach`."""

    @property
    def running(self) -> int:
        """Number of requests that run."""

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""

    @property
    def drafts(self) -> DraftCount:
        """Counts the drafts of all replies so far; (0, 0) but for the native engine."""

    @property
    def alive(self) -> bool:
        """Whether requests can be answered."""

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand out results in this loop from now on. No request may run or wait."""

    async def respond(self, request: EngineRequest, wait: float | None) -> Response:
        """The reply to the message of the request.

        wait: seconds that it may wait; None: any time.

        Raises:
            QueueFull, DeadlineExceeded, ServiceClosed: it was not answered.
        """

    def stream(
        self, request: EngineRequest, wait: float | None
    ) -> AsyncGenerator[TokenEvent, None]:
        """The events of the reply; the first step raises what respond raises."""

    async def close(self) -> None:
        """Cancel what runs and waits, and end the threads."""
