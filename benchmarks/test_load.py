"""Several clients at once, each asking again as soon as it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from benchmarks.harness import SETTLE, Row, summarise
from benchmarks.peers import BY_NAME, CONTESTANTS, check
from benchmarks.workload import Request, random_requests
from mime_fast.checkpoint import Checkpoint

LOADED = [each.name for each in CONTESTANTS if each.sweeps]
CLIENTS, QUICK_CLIENTS = (1, 2, 4, 8), (4,)
BLOCKS, QUICK_BLOCKS = 5, 1  # contestants take turns block by block
SECONDS, QUICK_SECONDS, SMOKE_SECONDS = 1.5, 0.4, 0.0  # of a block
FEWEST, MOST = 2, 200  # replies of each client in a block


@pytest.mark.parametrize("clients", CLIENTS)
def test_load(
    peer: Callable[[str], Any],
    reference: Any,
    record: Callable[[Row], None],
    checkpoint: Checkpoint,
    clients: int,
    *,
    quick: bool,
    smoke: bool,
    threads: int,
) -> None:
    if threads > 1 or (quick and clients not in QUICK_CLIENTS):
        pytest.skip("clients share the cores, one thread each; fewer of them in a quick run")
    requests = random_requests(checkpoint.config, clients)
    expected = [reference.greedy(request) for request in requests]
    blocks = QUICK_BLOCKS if quick else BLOCKS
    block_seconds = SMOKE_SECONDS if smoke else QUICK_SECONDS if quick else SECONDS
    latencies: dict[str, list[float]] = {name: [] for name in LOADED}
    elapsed = dict.fromkeys(LOADED, 0.0)
    replies = {}
    for name in LOADED:
        serve(peer(name), requests, 1)  # made and warm before the clock runs
        seconds, answers = serve(peer(name), requests, FEWEST)
        check(BY_NAME[name], answers, expected)
        replies[name] = max(FEWEST, min(MOST, int(block_seconds / np.mean(seconds))))
    for _ in range(blocks):
        for name in LOADED:
            time.sleep(SETTLE)
            started = time.perf_counter()
            seconds, _ = serve(peer(name), requests, replies[name])
            elapsed[name] += time.perf_counter() - started
            latencies[name] += seconds
    for name, seconds in latencies.items():
        extra = {
            "p99_ms": 1e3 * float(np.percentile(seconds, 99)),
            "replies_per_second": len(seconds) / elapsed[name],
        }
        record(summarise("clients", name, threads, seconds, x=clients, extra=extra))


def serve(peer: Any, requests: list[Request], replies: int) -> tuple[list[float], list[list[int]]]:
    """Each client's latencies, all in one list, and its last answer."""

    def ask(request: Request) -> tuple[list[float], list[int]]:
        seconds = []
        for _ in range(replies):
            started = time.perf_counter()
            answer = peer.greedy(request)
            seconds.append(time.perf_counter() - started)
        return seconds, answer

    with ThreadPoolExecutor(len(requests)) as pool:
        results = list(pool.map(ask, requests))
    latencies = [latency for seconds, _ in results for latency in seconds]
    return latencies, [answer for _, answer in results]
