"""Cold start and peak memory: from nothing to the first reply, the files in the page cache."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, summarise
from benchmarks.peers import BY_NAME, OURS, check
from benchmarks.workload import random_requests
from mime_fast.checkpoint import Checkpoint

# The other libraries read a format that somebody has to write first.
NAMES = (OURS, "PyTorch eager", "authors' loop")
ROUNDS, QUICK_ROUNDS = 7, 1


def test_cold_start(
    checkpoint: Checkpoint,
    reference: Any,
    record: Callable[[Row], None],
    threads: int,
    *,
    quick: bool,
) -> None:
    folder = checkpoint.weights.parent
    expected = reference.greedy(random_requests(checkpoint.config, 1)[0])
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    peaks: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(QUICK_ROUNDS if quick else ROUNDS):
        for name in NAMES:
            started = time.perf_counter()
            answer = start(name, folder, threads)
            seconds[name].append(time.perf_counter() - started)
            peaks[name].append(answer["peak_mb"])
            check(BY_NAME[name], [answer["tokens"]], [expected])
    for name in NAMES:
        extra = {"peak_mb": max(peaks[name])}
        record(summarise("cold start", name, threads, seconds[name], extra=extra))


def start(name: str, folder: Path, threads: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.cold", name, str(folder), str(threads)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    answer: dict[str, Any] = json.loads(output)
    return answer
