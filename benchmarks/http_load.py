"""A load generator over HTTP: a closed loop of clients, or arrivals of a Poisson process.

Some of these hang up. Each answer is checked.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

PATH = "/v1/mime/respond"
PERCENTILES = (50, 90, 95, 99)
Address = tuple[str, int] | Path  # a host and a port, or a Unix socket


@dataclass
class Outcomes:
    """What became of the requests of a load."""

    latencies: list[float] = field(default_factory=list)  # seconds, of those that were answered
    first_pieces: list[float] = field(default_factory=list)  # likewise, of streams
    statuses: dict[int, int] = field(default_factory=dict)
    hung_up: int = 0
    wrong: int = 0
    seconds: float = 0.0

    def summary(self) -> dict[str, Any]:
        """Percentiles in milliseconds, as vLLM's benchmark of serving has them."""
        found: dict[str, Any] = {
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "hung_up": self.hung_up,
            "wrong": self.wrong,
            "replies_per_second": round(self.statuses.get(200, 0) / self.seconds, 1),
        }
        for name, values in (("e2e", self.latencies), ("ttft", self.first_pieces)):
            for percentile in PERCENTILES if values else ():
                value = 1e3 * float(np.percentile(values, percentile))
                found[f"{name}_p{percentile}_ms"] = round(value, 3)
        return found


def encode(body: Mapping[str, Any]) -> bytes:
    """A request, as it goes over the wire."""
    content = json.dumps(body).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: mime\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


class Connection:
    """One connection, which carries one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    @classmethod
    async def open(cls, address: Address) -> Connection:
        """Connect."""
        if isinstance(address, Path):
            return cls(*await asyncio.open_unix_connection(address))
        return cls(*await asyncio.open_connection(*address))

    async def ask(self, request: bytes) -> tuple[int, bytes, float]:
        """The status, the body, and when its first byte came."""
        self.writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if length:
            body = await self._reader.readexactly(int(length))
            return status, body, time.perf_counter()
        return status, *await self._chunks()

    async def _chunks(self) -> tuple[bytes, float]:
        parts, first = [], 0.0
        while size := int(await self._reader.readline(), 16):
            first = first or time.perf_counter()
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(parts), first


def reply_text(body: bytes) -> str:
    """The text of an answer, streamed or not."""
    if body.startswith(b"data: "):
        body = body.strip().rpartition(b"data: ")[2]
        return str(json.loads(body)["response"]["text"])
    return str(json.loads(body)["text"])


@dataclass
class Load:
    """Requests to a server. expected: the text of the reply to each message."""

    address: Address
    expected: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    hang_up: float = 0.0  # the share of requests whose client closes the connection
    random: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - a load
    outcomes: Outcomes = field(default_factory=Outcomes)

    async def closed(self, clients: int, seconds: float) -> Outcomes:
        """So many clients, each asking again as soon as it is answered."""
        end = time.perf_counter() + seconds

        async def client() -> None:
            connection = await Connection.open(self.address)
            while True:
                await self._ask(connection)
                if time.perf_counter() >= end:
                    break
            connection.writer.close()

        return await self._timed(lambda: asyncio.gather(*(client() for _ in range(clients))))

    async def open(self, rate: float, seconds: float) -> Outcomes:
        """Arrivals of a Poisson process, a connection each, whether or not others wait."""

        async def arrivals() -> None:
            tasks = set()
            due = time.perf_counter()
            end = due + seconds
            while due < end:
                due += self.random.expovariate(rate)
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.add(task := asyncio.create_task(self._arrive()))
                task.add_done_callback(tasks.discard)
            await asyncio.gather(*tasks)

        return await self._timed(arrivals)

    async def _timed(self, work: Callable[[], Awaitable[object]]) -> Outcomes:
        started = time.perf_counter()
        await work()
        self.outcomes.seconds = time.perf_counter() - started
        return self.outcomes

    async def _arrive(self) -> None:
        connection = await Connection.open(self.address)
        try:
            if self.random.random() < self.hang_up:
                await self._hang_up(connection)
            else:
                await self._ask(connection)
        finally:
            connection.writer.close()

    async def _hang_up(self, connection: Connection) -> None:
        message = self.random.choice(list(self.expected))
        connection.writer.write(encode({"message": message, **self.options}))
        await asyncio.sleep(self.random.uniform(0, 0.02))
        self.outcomes.hung_up += 1

    async def _ask(self, connection: Connection) -> None:
        message = self.random.choice(list(self.expected))
        started = time.perf_counter()
        status, body, first = await connection.ask(encode({"message": message, **self.options}))
        ended = time.perf_counter()
        self.outcomes.statuses[status] = self.outcomes.statuses.get(status, 0) + 1
        if status == 200:
            self.outcomes.latencies.append(ended - started)
            if self.options.get("stream"):
                self.outcomes.first_pieces.append(first - started)
            self.outcomes.wrong += reply_text(body) != self.expected[message]
