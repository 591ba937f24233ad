"""What the handlers of a server share."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from mime_fast.async_generator import AsyncGenerator
from mime_fast.config import GenerationConfig
from mime_fast.generator import Generator
from mime_fast.server.auth import ApiKeys
from mime_fast.server.metrics import Metrics
from mime_fast.server.options import ServerOptions

SHORTEST_WAIT, LONGEST_WAIT = 0.05, 10.0  # seconds that a refused client is told to wait


@dataclass
class ServerState:
    """One server in one process. defaults: options of a reply that a request leaves out."""

    generator: Generator
    options: ServerOptions
    defaults: GenerationConfig
    keys: ApiKeys
    metrics: Metrics = field(default_factory=Metrics)
    created: int = field(default_factory=lambda: int(time.time()))
    service: AsyncGenerator | None = None  # from the start of the event loop on
    warm: bool = False
    warming: asyncio.Task[None] | None = None  # ends when it is warm, or cannot be
    draining: bool = False
    mean_seconds: float = 0.05  # of the latest replies
    # Names by which clients may call it, beside addresses; None: any, until it is known where the
    # process listens.
    host_names: frozenset[str] | None = None

    @property
    def alive(self) -> bool:
        """Whether the engine answers."""
        return self.service is not None and self.service.alive

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return self.warm and self.alive and not self.draining

    @property
    def longest(self) -> int:
        """The positions of the checkpoint: a reply's most tokens."""
        return self.generator.engine.config.max_positions

    def took(self, seconds: float) -> None:
        """Note how long a reply took."""
        self.mean_seconds += 0.1 * (seconds - self.mean_seconds)

    def retry_after(self) -> float:
        """When the requests that wait now will have been answered, in seconds."""
        waiting = 1 if self.service is None else self.service.waiting + 1
        estimate = self.mean_seconds * waiting / self.options.max_running
        return min(LONGEST_WAIT, max(SHORTEST_WAIT, estimate))

    def show_load(self) -> None:
        """Update the gauges."""
        if self.service is not None:
            self.metrics.running.set(self.service.running)
            self.metrics.waiting.set(self.service.waiting)
            self.metrics.count_drafts(self.service.drafts)
