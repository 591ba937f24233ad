"""What AsyncGenerator.respond costs over Generator.respond, one request at a time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

from mime_fast import AsyncGenerator, Generator

WARM_UP = 20  # requests that are not timed


class Cost(NamedTuple):
    """Medians in microseconds; `added` is that of the differences of one message each."""

    direct: float
    service: float
    added: float


async def measure_cost(generator: Generator, messages: Sequence[str], requests: int) -> Cost:
    """Ask both in turns; a reply that differs is an error."""
    direct, service = [], []
    async with AsyncGenerator(generator) as replies:
        for number in range(WARM_UP + requests):
            message = messages[number % len(messages)]
            began = time.perf_counter()
            expected = generator.respond(message, seed=number)
            between = time.perf_counter()
            found = await replies.respond(message, seed=number)
            direct.append(between - began)
            service.append(time.perf_counter() - between)
            if found.text != expected.text:
                raise ValueError(f"{message!r}: the service says {found.text!r}")
    pairs = list(zip(direct, service, strict=True))[WARM_UP:]
    added = [after - before for before, after in pairs]
    return Cost(
        *(
            1e6 * statistics.median(seconds)
            for seconds in (direct[WARM_UP:], service[WARM_UP:], added)
        )
    )
