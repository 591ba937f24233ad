"""The searches' kernels alone, beside the time in which their logits can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmarks.floors import BYTES, Floors
from benchmarks.gpu.search_cases import search_cases
from benchmarks.gpu.timing import seconds_a_launch
from benchmarks.harness import Row, summarise
from benchmarks.peers import OURS
from benchmarks.workload import BEAMS


@pytest.mark.parametrize("rows", [1, BEAMS, 256])
@torch.inference_mode()
def test_searches(
    peer: Callable[[str], Any],
    record: Callable[[Row], None],
    floors: Floors,
    device: torch.device,
    rows: int,
    *,
    rehearsed: bool,
) -> None:
    if rehearsed and rows != BEAMS:
        pytest.skip("not in a rehearsal")
    for case in search_cases(peer(OURS).engine, rows):
        seconds = seconds_a_launch(case.launch, device, prepare=case.prepare)
        floor = floors.seconds(0, case.moved / BYTES["float32"], "float32") if case.moved else 0
        more = {"floor_ms": 1e3 * floor} if floor else {}
        record(summarise(f"kernel: {case.name}", OURS, 1, seconds, x=rows, **more))
