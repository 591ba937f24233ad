"""Clients that each send a request when they have the reply to the one before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from mime_fast import AsyncGenerator, Generator

SERVICE, THREADS = "AsyncGenerator", "threads that call Generator.respond"
WAYS = (SERVICE, THREADS)


class Load(NamedTuple):
    """One number of clients, answered in one way."""

    way: str
    clients: int
    replies_a_second: float
    p50_ms: float
    p99_ms: float


class Asked(NamedTuple):
    """A message with its seed, and the reply that it must get."""

    message: str
    seed: int
    expected: str


def ask_first(generator: Generator, messages: Sequence[str]) -> list[Asked]:
    """Each message with the reply that it gets alone."""
    return [
        Asked(message, seed, generator.respond(message, seed=seed).text)
        for seed, message in enumerate(messages)
    ]


def check(asked: Asked, text: str) -> None:
    """Raise ValueError if a reply under load is not the one that the message gets alone."""
    if text != asked.expected:
        raise ValueError(f"{asked.message!r}: {text!r} instead of {asked.expected!r}")


def measure_load(
    generator: Generator, asked: Sequence[Asked], clients: int, seconds: float, rounds: int
) -> list[Load]:
    """Both ways in turns, so many seconds each."""
    latencies: dict[str, list[float]] = {way: [] for way in WAYS}
    took = dict.fromkeys(WAYS, 0.0)
    for _ in range(rounds):
        for way, run in ((SERVICE, run_service), (THREADS, run_threads)):
            began = time.perf_counter()
            latencies[way] += run(generator, asked, clients, began + seconds)
            took[way] += time.perf_counter() - began
    return [summarise(way, clients, latencies[way], took[way]) for way in WAYS]


def summarise(way: str, clients: int, seconds: Sequence[float], took: float) -> Load:
    """Replies a second, and percentiles of the time to a reply."""
    p50, p99 = np.percentile(seconds, [50, 99]).tolist()
    return Load(way, clients, len(seconds) / took, 1e3 * p50, 1e3 * p99)


def turns(asked: Sequence[Asked], first: int, end: float) -> Iterator[Asked]:
    """What a client asks until then: at least one message."""
    number = 7 * first  # clients are at different messages
    yield asked[number % len(asked)]
    while time.perf_counter() < end:
        number += 1
        yield asked[number % len(asked)]


def run_service(
    generator: Generator, asked: Sequence[Asked], clients: int, end: float
) -> list[float]:
    """Tasks of one event loop."""

    async def run() -> list[float]:
        async with AsyncGenerator(generator) as replies:

            async def ask(first: int) -> list[float]:
                found: list[float] = []
                for each in turns(asked, first, end):
                    began = time.perf_counter()
                    response = await replies.respond(each.message, seed=each.seed)
                    found.append(time.perf_counter() - began)
                    check(each, response.text)
                return found

            found = await asyncio.gather(*map(ask, range(clients)))
        return [each for client in found for each in client]

    return asyncio.run(run())


def run_threads(
    generator: Generator, asked: Sequence[Asked], clients: int, end: float
) -> list[float]:
    """Run a thread for each client; the latencies of all."""

    def ask(first: int) -> list[float]:
        found: list[float] = []
        for each in turns(asked, first, end):
            began = time.perf_counter()
            response = generator.respond(each.message, seed=each.seed)
            found.append(time.perf_counter() - began)
            check(each, response.text)
        return found

    with ThreadPoolExecutor(clients) as pool:
        return [each for client in pool.map(ask, range(clients)) for each in client]
