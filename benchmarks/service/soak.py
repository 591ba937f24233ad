"""Memory of a service that answers for long: requests of all kinds, some of them cancelled."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.workload import random_checkpoint
from mime_fast import AsyncGenerator, Generator

AT_ONCE = 64
TENTHS = 10
KINDS: tuple[dict[str, Any], ...] = (
    *({},) * 12,
    {"do_sample": True, "top_k": 20},
    {"do_sample": True, "num_return_sequences": 4},
    {"num_beams": 4},
    {"stop": ("w7",)},
    {"repetition_penalty": 1.3, "max_new_tokens": 40},
)
WIDE: dict[str, Any] = {"num_beams": 200}  # once in WIDE_EVERY requests
WIDE_EVERY = 5000
CANCELLED_EVERY = 50


class Soak(NamedTuple):
    """Number of requests, and the resident memory after each tenth of the time."""

    requests: int
    cancelled: int
    memory_mb: list[float]


def resident_mb() -> float:
    """The resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def soak(seconds: float) -> Soak:
    """Send requests to a tiny model for so long."""
    generator = Generator(random_checkpoint(tiny=True).weights.parent, intra_threads=1)
    counts = {"requests": 0, "cancelled": 0}
    began = time.monotonic()

    async def ask(replies: AsyncGenerator) -> None:
        while not counts["requests"] or time.monotonic() < began + seconds:
            number = counts["requests"] = counts["requests"] + 1
            options = WIDE if number % WIDE_EVERY == 0 else KINDS[number % len(KINDS)]
            task = asyncio.create_task(replies.respond("w9 w8 w7", seed=number, **options))
            if number % CANCELLED_EVERY == 0:
                await asyncio.sleep(0)
                task.cancel()
                counts["cancelled"] += 1
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async with AsyncGenerator(generator, max_running=32) as replies:
        clients = [asyncio.create_task(ask(replies)) for _ in range(AT_ONCE)]
        memory = []
        for _ in range(TENTHS):
            await asyncio.sleep(seconds / TENTHS)
            memory.append(resident_mb())
        await asyncio.gather(*clients)
        if replies.running or replies.waiting:
            raise ValueError(f"{replies.running} requests still run, {replies.waiting} wait")
    return Soak(counts["requests"], counts["cancelled"], memory)
