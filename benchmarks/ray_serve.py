"""Latency and throughput of Ray Serve, beside `mime-fast serve`.

    python -m benchmarks.ray_serve [--quick] [--output FILE.json]
    RAY_SERVE_ENABLE_HA_PROXY=1 python -m benchmarks.ray_serve     # HAProxy before the replica

Both have one process with the bundled checkpoint, on one thread. Latencies are those of one client
on one connection, in turns with the direct call. Ray runs on this machine: the cluster that is
connected, or one that ends with the benchmark. cpu_ms is the processor time of the server's
processes for each reply.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import ray
import uvloop
from ray import serve

from benchmarks import results
from benchmarks.http_load import Address, Load
from benchmarks.processes import cpu_seconds, descendants
from benchmarks.serve import MESSAGES, OPTIONS, Blocking, direct, in_turns, respond, server
from benchmarks.workload import CHECKPOINT
from mime_fast import Generator
from mime_fast.files import write_whole
from mime_fast.ray.serve import build

ROUNDS, QUICK_ROUNDS, SMOKE_ROUNDS = 100, 20, 1  # of all messages, each way
SECONDS, QUICK_SECONDS, SMOKE_SECONDS = 5.0, 2.0, 0.1  # of each load
CLIENTS = (1, 16, 64)
SETTLE = 3.0  # seconds: HAProxy is given its replicas, and closes connections that are idle


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ray_serve")
    parser.add_argument("--quick", action="store_true", help="fewer requests")
    parser.add_argument("--smoke", action="store_true", help="a few requests: times mean nothing")
    parser.add_argument("--output", type=Path, help="write what was measured there, as JSON")
    options = parser.parse_args(arguments)
    rounds = SMOKE_ROUNDS if options.smoke else QUICK_ROUNDS if options.quick else ROUNDS
    seconds = SMOKE_SECONDS if options.smoke else QUICK_SECONDS if options.quick else SECONDS
    generator = Generator(CHECKPOINT, engine="native", intra_threads=1)
    with server() as (alone, process), ray_server() as behind_ray:
        addresses = {"mime_fast_serve": alone, "ray_serve": behind_ray}
        ways: dict[str, Callable[[str], str]] = {"direct": partial(direct, generator)}
        ways |= {name: partial(respond, Blocking(place)) for name, place in addresses.items()}
        rays = [each for each in descendants(os.getpid()) if each != process]
        processes = {"mime_fast_serve": [process], "ray_serve": rays}
        found = {
            "machine": results.describe_machine(),
            "versions": {**results.describe_versions(), "ray": ray.__version__},
            "commit": results.describe_commit(),
            "ha_proxy": os.environ.get("RAY_SERVE_ENABLE_HA_PROXY", "0"),
            "latency_ms": in_turns(generator, ways, rounds),
            "closed": {
                name: closed(generator, address, seconds, processes[name])
                for name, address in addresses.items()
            },
        }
    text = json.dumps(found, indent=1)
    print(text)
    if options.output:  # not in a smoke run
        write_whole(options.output, f"{text}\n".encode())


@contextmanager
def own_cluster() -> Iterator[None]:
    """A cluster of two CPUs."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # no other machine joins it
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=200 << 20,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address="127.0.0.1",
    )
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def ray_server() -> Iterator[Address]:
    """One replica of one CPU, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with nullcontext() if ray.is_initialized() else own_cluster():
        yield from served(port)


def served(port: int) -> Iterator[Address]:
    """The address of a replica on the cluster that is connected."""
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        application = build({"checkpoint": CHECKPOINT, "access_log": False})
        serve.run(application, route_prefix="/", logging_config={"enable_access_log": False})
        time.sleep(SETTLE)
        yield "127.0.0.1", port
    finally:
        serve.shutdown()


def closed(
    generator: Generator, address: Address, seconds: float, processes: list[int]
) -> dict[str, Any]:
    """Replies a second, percentiles and processor time of closed loops, by number of clients."""
    expected = {message: direct(generator, message) for message in MESSAGES}
    found = {}
    for clients in CLIENTS:
        before = cpu_seconds(processes)
        outcomes = uvloop.run(Load(address, expected, OPTIONS).closed(clients, seconds))
        used = cpu_seconds(processes) - before
        cpu_ms = round(1e3 * used / sum(outcomes.statuses.values()), 2)
        found[str(clients)] = {**outcomes.summary(), "cpu_ms": cpu_ms}
    return found


if __name__ == "__main__":
    main()
