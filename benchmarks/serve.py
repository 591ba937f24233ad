"""What `mime-fast serve` costs over Generator.respond, and what it does under load.

    python -m benchmarks.serve [--quick] [--output FILE.json]
    python -m benchmarks.serve --overload 600      # three times what it can do, for ten minutes

The server is a process of its own with the bundled checkpoint, on one thread. Latencies are those
of one client on one connection; the direct call and the server take turns, message by message.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import results
from benchmarks.http_load import PATH, Address, Load
from mime_fast import Generator
from mime_fast.files import write_whole

MESSAGES = (
    "I lost my dog yesterday.",
    "I got the job!",
    "My sister is visiting us next week, after two years.",
    "Somebody broke into our house while we slept.",
    "I have to give a talk tomorrow, and I am so nervous.",
    "My best friend forgot my birthday.",
    "We are having a baby!",
    "I failed the exam again.",
)
OPTIONS: dict[str, Any] = {"seed": 1}
TURNS, QUICK_TURNS, SMOKE_TURNS = 2000, 200, 2  # requests of each way
SECONDS, QUICK_SECONDS, SMOKE_SECONDS = 10.0, 2.0, 0.1  # of each load
CLIENTS = (1, 4, 16, 64)
OVERLOAD = 3.0  # times what the server can do
HANG_UP = 0.1  # of the requests of an overload
LIMITS = ("--max-waiting", "64", "--max-wait-seconds", "0.5")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve")
    parser.add_argument("--quick", action="store_true", help="fewer requests")
    parser.add_argument("--smoke", action="store_true", help="a few requests: times mean nothing")
    parser.add_argument(
        "--overload", type=float, help="seconds of the overload; default: as others"
    )
    parser.add_argument("--output", type=Path, help="write what was measured there, as JSON")
    options = parser.parse_args(arguments)
    turns = SMOKE_TURNS if options.smoke else QUICK_TURNS if options.quick else TURNS
    seconds = SMOKE_SECONDS if options.smoke else QUICK_SECONDS if options.quick else SECONDS
    generator = Generator(engine="native", intra_threads=1)
    found = {
        "machine": results.describe_machine(),
        "versions": results.describe_versions(),
        "commit": results.describe_commit(),
        "latency_ms": latencies(generator, turns),
        **loads(generator, seconds, options.overload or seconds),
    }
    text = json.dumps(found, indent=1)
    print(text)
    if options.output:
        write_whole(options.output, f"{text}\n".encode())


@contextmanager
def server(*options: str) -> Iterator[tuple[Address, int]]:
    """A server, its address and its process id."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / "socket"
        where = ("--uds", str(place)) if "--uds" in options else ("--port", "0")
        others = [option for option in options if option != "--uds"]
        command = [sys.executable, "-m", "mime_fast", "serve", "--threads", "1", "--no-access-log"]
        process = subprocess.Popen([*command, *where, *others], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[0]
            port = address.rpartition(":")[2]
            yield (place if "--uds" in options else ("127.0.0.1", int(port))), process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


class Blocking:
    """A client that does as little as possible: its own time counts as the server's."""

    def __init__(self, address: Address) -> None:
        if isinstance(address, Path):
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(str(address))
        else:
            self._socket = socket.create_connection(address)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, path: str, body: Mapping[str, Any]) -> bytes:
        """The body of the answer."""
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: mime\r\nContent-Length: {len(content)}\r\n\r\n"
        self._socket.sendall(head.encode() + content)
        found = self._socket.recv(1 << 20)
        head_end = found.index(b"\r\n\r\n") + 4
        length = int(found.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(found) < head_end + length:
            found += self._socket.recv(1 << 20)
        return found[head_end:]


def latencies(generator: Generator, turns: int) -> dict[str, dict[str, float]]:
    """Milliseconds of the direct call and of each way to the server, in turns."""
    with server() as (tcp, _), server("--uds") as (unix, _):
        ways = {"tcp": Blocking(tcp), "unix_socket": Blocking(unix)}
        seconds: dict[str, list[float]] = {name: [] for name in ("direct", *ways)}
        seconds |= {f"{name}_chat": [] for name in ways}
        for turn in range(turns + len(MESSAGES)):
            message = MESSAGES[turn % len(MESSAGES)]
            if turn == len(MESSAGES):  # all is warm
                seconds = {name: [] for name in seconds}
            started = time.perf_counter()
            expected = generator.respond(message, **OPTIONS).text
            seconds["direct"].append(time.perf_counter() - started)
            for name, client in ways.items():
                started = time.perf_counter()
                body = client.ask(PATH, {"message": message, **OPTIONS})
                seconds[name].append(time.perf_counter() - started)
                check(json.loads(body)["text"], expected)
                chat = {"messages": [{"role": "user", "content": message}], **OPTIONS}
                started = time.perf_counter()
                body = client.ask("/v1/chat/completions", chat)
                seconds[f"{name}_chat"].append(time.perf_counter() - started)
                check(json.loads(body)["choices"][0]["message"]["content"], expected)
    return {name: _percentiles(values, seconds["direct"]) for name, values in seconds.items()}


def check(text: str, expected: str) -> None:
    """The server answers what the direct call does."""
    if text != expected:
        raise AssertionError(f"the server answered {text!r}, Generator.respond {expected!r}")


def _percentiles(seconds: list[float], direct: list[float]) -> dict[str, float]:
    """added: the median of the differences to the direct call of the same turn."""
    hundredths = statistics.quantiles(seconds, n=100) if len(seconds) > 1 else seconds * 99
    added = statistics.median(a - b for a, b in zip(seconds, direct, strict=True))
    found = {"p50": hundredths[49], "p99": hundredths[98], "added_p50": added}
    return {name: round(1e3 * value, 4) for name, value in found.items()}


def loads(generator: Generator, seconds: float, overload_seconds: float) -> dict[str, Any]:
    """Closed loops of several numbers of clients, streamed too, and an overload."""
    expected = {message: generator.respond(message, **OPTIONS).text for message in MESSAGES}
    found: dict[str, Any] = {"closed": {}, "closed_stream": {}}
    with server(*LIMITS) as (address, process):
        for clients in CLIENTS:
            for name, more in (("closed", {}), ("closed_stream", {"stream": True})):
                load = Load(address, expected, {**OPTIONS, **more})
                outcomes = asyncio.run(load.closed(clients, seconds))
                found[name][str(clients)] = outcomes.summary()
        rate = OVERLOAD * max(each["replies_per_second"] for each in found["closed"].values())
        before = memory_mb(process)
        load = Load(address, expected, {**OPTIONS, "stream": True}, hang_up=HANG_UP)
        outcomes = asyncio.run(load.open(rate, overload_seconds))
        found["overload"] = {
            "rate": round(rate, 1),
            "seconds": round(outcomes.seconds, 1),
            "limits": " ".join(LIMITS),
            **outcomes.summary(),
            "memory_before_mb": before,
            "memory_after_mb": memory_mb(process),
        }
    return found


def memory_mb(process: int) -> float:
    """The resident memory of a process."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return round(pages * 4096 / 1e6, 1)


if __name__ == "__main__":
    main()
