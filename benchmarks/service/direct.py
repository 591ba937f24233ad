"""What AsyncGenerator.respond costs over Generator.respond, one request at a time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

from mime_fast import AsyncGenerator, Generator

TURN = 10  # requests, as in benchmarks.harness: processor caches are those of the contestant


class Cost(NamedTuple):
    """Medians in microseconds; `added` is that of the differences of one message each."""

    direct: float
    service: float
    added: float


async def measure_cost(generator: Generator, messages: Sequence[str], turns: int) -> Cost:
    """Ask both in turns, after one that is not timed; a reply that differs is an error."""
    direct: list[float] = []
    service: list[float] = []
    async with AsyncGenerator(generator) as replies:
        for turn in range(1 + turns):
            asked = [
                (messages[number % len(messages)], number)
                for number in range(turn * TURN, (turn + 1) * TURN)
            ]
            expected = []
            for message, seed in asked:
                began = time.perf_counter()
                expected.append(generator.respond(message, seed=seed).text)
                direct.append(time.perf_counter() - began)
            for (message, seed), text in zip(asked, expected, strict=True):
                began = time.perf_counter()
                found = await replies.respond(message, seed=seed)
                service.append(time.perf_counter() - began)
                if found.text != text:
                    raise ValueError(f"{message!r}: {found.text!r} instead of {text!r}")
    pairs = list(zip(direct, service, strict=True))[TURN:]
    return Cost(
        direct=1e6 * statistics.median(before for before, _ in pairs),
        service=1e6 * statistics.median(after for _, after in pairs),
        added=1e6 * statistics.median(after - before for before, after in pairs),
    )
