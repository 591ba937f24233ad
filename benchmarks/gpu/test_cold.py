"""From nothing to the first reply, in a process whose kernels an earlier one has compiled."""

from __future__ import annotations

import json
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
import torch

from benchmarks.gpu.contestants import BY_NAME, EAGER
from benchmarks.harness import Row, summarise, time_process
from benchmarks.peers import OURS, REFERENCE, check
from benchmarks.workload import REHEARSAL, random_requests
from mime_fast.checkpoint import Checkpoint

ROUNDS = 1 if REHEARSAL else 2  # each loads torch, in some seconds


@pytest.mark.parametrize("name", [OURS, EAGER])
def test_cold_start(
    peer: Callable[[str], Any],
    checkpoint: Checkpoint,
    device: torch.device,
    record: Callable[[Row], None],
    name: str,
) -> None:
    (request,) = random_requests(checkpoint.config, 1)
    expected = peer(REFERENCE).greedy(request)
    peer(name).greedy(request)  # Triton keeps what it compiles
    arguments = ("-m", "benchmarks.gpu.cold", name, str(checkpoint.weights.parent), str(device))
    seconds, parts = [], []
    for _ in range(ROUNDS):
        took, output = time_process(*arguments)
        answer = json.loads(output)
        check(BY_NAME[name], [answer["tokens"]], [expected])
        seconds.append(took)
        parts.append(answer["seconds"])
    extra = {f"{part}_ms": 1e3 * median(each[part] for each in parts) for part in parts[0]}
    record(summarise("cold start", name, 1, seconds, extra=extra))
