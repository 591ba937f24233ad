"""Cold start and peak memory: from nothing to the first reply, the files in the page cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.harness import Row, summarise, time_process
from benchmarks.peers import BY_NAME, OURS, check
from benchmarks.workload import random_requests
from mime_fast import Generator
from mime_fast.checkpoint import Checkpoint

# The other libraries read a format that somebody has to write first.
NAMES = (OURS, "PyTorch eager", "authors' loop")
ROUNDS, QUICK_ROUNDS, SMOKE_ROUNDS = 7, 2, 1
MESSAGE, SEED = "I lost my dog.", 1
USER = f"from mime_fast import Generator; print(Generator().respond({MESSAGE!r}, seed={SEED}).text)"
PEAK = "print(*(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"


@pytest.fixture
def rounds(*, quick: bool, smoke: bool) -> int:
    return SMOKE_ROUNDS if smoke else QUICK_ROUNDS if quick else ROUNDS


def test_cold_start(
    checkpoint: Checkpoint,
    reference: Any,
    record: Callable[[Row], None],
    threads: int,
    rounds: int,
) -> None:
    folder = checkpoint.weights.parent
    expected = reference.greedy(random_requests(checkpoint.config, 1)[0])
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    peaks: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(rounds):
        for name in NAMES:
            took, output = time_process("-m", "benchmarks.cold", name, str(folder), str(threads))
            answer = json.loads(output)
            seconds[name].append(took)
            peaks[name].append(answer["peak_mb"])
            check(BY_NAME[name], [answer["tokens"]], [expected])
    for name in NAMES:
        extra = {"peak_mb": max(peaks[name])}
        record(summarise("cold start", name, threads, seconds[name], extra=extra))


def test_cold_start_of_a_user(record: Callable[[Row], None], threads: int, rounds: int) -> None:
    """`python -c` with the bundled checkpoint and default options; threads are its own choice."""
    started = [time_process("-c", USER) for _ in range(rounds)]
    expected = Generator().respond(MESSAGE, seed=SEED).text
    assert {output.strip() for _, output in started} == {expected}
    _, output = time_process("-c", f"{USER}; {PEAK}")
    extra = {"peak_mb": int(output.split()[-2]) / 1024}
    seconds = [took for took, _ in started]
    record(summarise("text: cold start, bundled checkpoint", OURS, threads, seconds, extra=extra))
