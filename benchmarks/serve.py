"""What `mime-fast serve` costs over Generator.respond, and what it does under load.

    python -m benchmarks.serve [--quick] [--output FILE.json]
    python -m benchmarks.serve --overload 600      # three times what it can do, for ten minutes

The server is a process of its own with the bundled checkpoint, on one thread. Latencies are those
of one client on one connection, in turns with the direct call; decoding the answer is part of it.
The peer is the same model in ONNX Runtime behind Starlette (benchmarks/peers/onnx_server.py).
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop

from benchmarks import results
from benchmarks.http_load import PATH, Address, Load
from benchmarks.workload import CHECKPOINT, NEW_TOKENS
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
# What the peer can do, too.
OPTIONS: dict[str, Any] = {
    "seed": 1,
    "do_sample": False,
    "avoid_cheer": False,
    "no_repeat_ngram_size": 0,
    "max_new_tokens": NEW_TOKENS,
}
OURS = ("mime_fast", "serve", "--checkpoint", CHECKPOINT, "--threads", "1", "--no-access-log")
PEER = ("benchmarks.peers.onnx_server",)
ROUNDS, QUICK_ROUNDS, SMOKE_ROUNDS = 200, 20, 1  # of all messages, each way
SECONDS, QUICK_SECONDS, SMOKE_SECONDS = 10.0, 2.0, 0.1  # of each load
CLIENTS = (1, 4, 16, 64)
OVERLOAD = 3.0  # times what the server can do
HANG_UP = 0.1  # of the requests of an overload
LIMITS = ("--max-waiting", "64", "--max-wait-seconds", "0.5", "--max-connections", "128")


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
    rounds = SMOKE_ROUNDS if options.smoke else QUICK_ROUNDS if options.quick else ROUNDS
    seconds = SMOKE_SECONDS if options.smoke else QUICK_SECONDS if options.quick else SECONDS
    generator = Generator(CHECKPOINT, engine="native", intra_threads=1)
    with server(program=PEER) as (peer, _):
        found = {
            "machine": results.describe_machine(),
            "versions": results.describe_versions(),
            "commit": results.describe_commit(),
            "latency_ms": latencies(generator, peer, rounds),
            **loads(generator, peer, seconds, options.overload or seconds),
        }
    text = json.dumps(found, indent=1)
    print(text)
    if options.output:
        write_whole(options.output, f"{text}\n".encode())


@contextmanager
def server(*options: str, program: Sequence[str] = OURS) -> Iterator[tuple[Address, int]]:
    """A server, its address and its process id."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / "socket"
        where = ("--uds", str(place)) if "--uds" in options else ("--port", "0")
        others = [option for option in options if option != "--uds"]
        command = [sys.executable, "-m", *program, *where, *others]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
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
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(content)}\r\n\r\n"
        self._socket.sendall(head.encode() + content)
        found = self._receive()
        while b"\r\n\r\n" not in found:
            found += self._receive()
        head_end = found.index(b"\r\n\r\n") + 4
        length = int(found.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(found) < head_end + length:
            found += self._receive()
        return found[head_end:]

    def _receive(self) -> bytes:
        received = self._socket.recv(1 << 20)
        if not received:
            raise ConnectionResetError("the server closed the connection")
        return received


def latencies(generator: Generator, peer: Address, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of the direct call and of each way to the server.

    They take turns, all messages at a time: in its turn a way has its caches to itself.
    """
    with server() as (tcp, _), server("--uds") as (unix, _):
        clients = {"tcp": Blocking(tcp), "unix_socket": Blocking(unix)}
        ways: dict[str, Callable[[str], str]] = {"direct": partial(direct, generator)}
        for name, client in clients.items():
            ways[name] = partial(respond, client)
            ways[f"{name}_chat"] = partial(_chat, client)
        ways["onnx_runtime_tcp"] = partial(respond, Blocking(peer))
        return in_turns(generator, ways, rounds)


def in_turns(
    generator: Generator, ways: Mapping[str, Callable[[str], str]], rounds: int
) -> dict[str, dict[str, float]]:
    """Milliseconds of each way to a reply; one of them is "direct", and all give its replies."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    expected = [direct(generator, message) for message in MESSAGES]
    for number in range(rounds + 1):
        for name, ask in ways.items():
            for message, text in zip((MESSAGES[0], *MESSAGES), ("", *expected), strict=True):
                started = time.perf_counter()
                answer = ask(message)
                if number and text:  # the first of a turn, and the first turn, warm the caches
                    seconds[name].append(time.perf_counter() - started)
                    check(answer, text)
    return {name: _percentiles(values, seconds["direct"]) for name, values in seconds.items()}


def direct(generator: Generator, message: str) -> str:
    """The reply of the direct call."""
    return generator.respond(message, **OPTIONS).text


def respond(client: Blocking, message: str) -> str:
    """The reply of a server."""
    return str(json.loads(client.ask(PATH, {"message": message, **OPTIONS}))["text"])


def _chat(client: Blocking, message: str) -> str:
    body = {"messages": [{"role": "user", "content": message}], **OPTIONS}
    answer = json.loads(client.ask("/v1/chat/completions", body))
    return str(answer["choices"][0]["message"]["content"])


def check(text: str, expected: str) -> None:
    """The server answers what the direct call does."""
    if text != expected:
        raise AssertionError(f"the server answered {text!r}, Generator.respond {expected!r}")


def _percentiles(seconds: list[float], direct: list[float]) -> dict[str, float]:
    """added: the median of the differences to the direct call of the same turn."""
    hundredths = statistics.quantiles(seconds, n=100) if len(seconds) > 1 else seconds * 99
    added = statistics.median(a - b for a, b in zip(seconds, direct, strict=True))
    found = {"p10": hundredths[9], "p50": hundredths[49], "p99": hundredths[98], "added_p50": added}
    return {name: round(1e3 * value, 4) for name, value in found.items()}


def loads(
    generator: Generator, peer: Address, seconds: float, overload_seconds: float
) -> dict[str, Any]:
    """Closed loops of several numbers of clients, streamed too, the peer's, and an overload."""
    expected = {message: generator.respond(message, **OPTIONS).text for message in MESSAGES}
    found: dict[str, Any] = {"closed": {}, "closed_stream": {}, "closed_onnx_runtime": {}}
    for clients in CLIENTS:
        outcomes = uvloop.run(Load(peer, expected, OPTIONS).closed(clients, seconds))
        found["closed_onnx_runtime"][str(clients)] = outcomes.summary()
    with server(*LIMITS) as (address, process):
        for clients in CLIENTS:
            for name, more in (("closed", {}), ("closed_stream", {"stream": True})):
                load = Load(address, expected, {**OPTIONS, **more})
                outcomes = uvloop.run(load.closed(clients, seconds))
                found[name][str(clients)] = outcomes.summary()
        rate = OVERLOAD * max(each["replies_per_second"] for each in found["closed"].values())
        before = memory_mb(process)
        load = Load(address, expected, {**OPTIONS, "stream": True}, hang_up=HANG_UP)
        outcomes = uvloop.run(load.open(rate, overload_seconds))
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
