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
    lost: int = 0  # connections that the server, or the system, closed without an answer
    wrong: int = 0
    seconds: float = 0.0

    def summary(self) -> dict[str, Any]:
        """Percentiles in milliseconds, as vLLM's benchmark of serving has them."""
        found: dict[str, Any] = {
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "hung_up": self.hung_up,
            "lost": self.lost,
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
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


class Connection(asyncio.Protocol):
    """One connection, which carries one request at a time.

    It does little for each piece of an answer: a client that is slower than the server measures
    itself.
    """

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._answer: asyncio.Future[None] | None = None
        self._answered = False
        self._parts: list[bytes] = []
        self._first = 0.0
        self._missing: int | None = None  # bytes of the body; None: it comes in chunks

    @classmethod
    async def open(cls, address: Address) -> Connection:
        """Connect."""
        loop = asyncio.get_running_loop()
        if isinstance(address, Path):
            return (await loop.create_unix_connection(cls, str(address)))[1]
        return (await loop.create_connection(cls, *address))[1]

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request that waits."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("no answer came"))

    def check(self) -> None:
        """ConnectionResetError: the server closed it while it was idle."""
        if self.transport.is_closing():
            raise ConnectionResetError("the connection was closed while it was idle")

    async def ask(self, request: bytes) -> tuple[int, bytes, float]:
        """The status, the body (with the marks of its chunks), and when it began to come.

        A server that refuses a connection answers before it is asked.
        """
        if not self._answered:
            self.check()
            self._answer = asyncio.get_running_loop().create_future()
            self.transport.write(request)
            await self._answer
        head, _, body = b"".join(self._parts).partition(b"\r\n\r\n")
        self._parts, self._answered = [], False
        if b"connection: close" in head.lower():
            self.transport.close()
        return int(head[9:12]), body, self._first

    def data_received(self, data: bytes) -> None:
        """Keep it, and look whether it is the last."""
        if not self._parts:
            self._begin(data)
        elif self._missing is not None:
            self._missing -= len(data)
        self._parts.append(data)
        ended = data.endswith(b"0\r\n\r\n") if self._missing is None else self._missing <= 0
        self._answered = ended
        if ended and self._answer is not None and not self._answer.done():
            self._answer.set_result(None)

    def _begin(self, data: bytes) -> None:
        """The head comes as a whole, as servers write it."""
        self._first = time.perf_counter()
        head, _, body = data.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        self._missing = int(length) - len(body) if length else None


def reply_text(body: bytes) -> str:
    """The text of an answer, streamed or not."""
    if b"data: " in body[:100]:
        last = body.rpartition(b"data: ")[2].partition(b"\n")[0]
        return str(json.loads(last)["response"]["text"])
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
    idle: list[Connection] = field(default_factory=list)

    async def closed(self, clients: int, seconds: float) -> Outcomes:
        """Run `clients` clients, each of which asks again as soon as it is answered."""
        end = time.perf_counter() + seconds

        async def client() -> None:
            connection = await Connection.open(self.address)
            while True:
                await self._ask(connection)
                if time.perf_counter() >= end:
                    break
            connection.transport.close()

        return await self._timed(lambda: asyncio.gather(*(client() for _ in range(clients))))

    async def open(self, rate: float, seconds: float) -> Outcomes:
        """Arrivals of a Poisson process, whether or not others wait; idle connections are used."""

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
            for connection in self.idle:
                connection.transport.close()

        return await self._timed(arrivals)

    async def _timed(self, work: Callable[[], Awaitable[object]]) -> Outcomes:
        started = time.perf_counter()
        await work()
        self.outcomes.seconds = time.perf_counter() - started
        return self.outcomes

    async def _arrive(self) -> None:
        try:
            connection = self._idle() or await Connection.open(self.address)
            if self.random.random() < self.hang_up:
                await self._hang_up(connection)
                connection.transport.close()
            else:
                await self._ask(connection)
                self.idle.append(connection)
        except OSError:  # ConnectionError, or TimeoutError of a client that was never accepted
            self.outcomes.lost += 1

    def _idle(self) -> Connection | None:
        """An idle connection that the server has not closed, if there is one."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    async def _hang_up(self, connection: Connection) -> None:
        connection.check()
        message = self.random.choice(list(self.expected))
        connection.transport.write(encode({"message": message, **self.options}))
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
