"""Each kernel of ours alone, beside what its bytes and its arithmetic take at the least."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch

from benchmarks.floors import BYTES, Floors
from benchmarks.gpu.kernel_cases import Case, decoder_cases, encoder_cases
from benchmarks.gpu.names import OF_OURS
from benchmarks.gpu.timing import seconds_a_launch
from benchmarks.harness import Row, summarise
from benchmarks.peers import OURS
from benchmarks.workload import BEAMS

NAMES = list(OF_OURS)[:2]  # bfloat16 moves as many bytes as float16
Measure = Callable[[str, int, Iterable[Case]], None]


@pytest.fixture
def measure(record: Callable[[Row], None], floors: Floors, device: torch.device) -> Measure:
    def run(name: str, x: int, cases: Iterable[Case]) -> None:
        precision = OF_OURS[name]
        for case in cases:
            seconds = seconds_a_launch(case.launch, device, prepare=case.prepare)
            # Bytes are what they are: floors counts weights.
            least = floors.seconds(case.macs, case.moved / BYTES[precision], precision)
            more = {"floor_ms": 1e3 * least} if case.moved else {}
            record(summarise(f"kernel: {case.name}", name, 1, seconds, x=x, **more))

    return run


def test_an_empty_launch(record: Callable[[Row], None], device: torch.device) -> None:
    """The least that a node of a CUDA graph takes."""
    cell = torch.zeros(1, device=device)
    seconds = seconds_a_launch(lambda: cell.add_(1), device)
    record(summarise("kernel: one addition", OURS, 1, seconds))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [1, 256])
@torch.inference_mode()
def test_encoder_kernels(
    peer: Callable[[str], Any], measure: Measure, name: str, batch: int, *, rehearsed: bool
) -> None:
    size = min(batch, 2) if rehearsed else batch
    measure(name, batch, encoder_cases(peer(name).engine, size))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, BEAMS, 256])
@torch.inference_mode()
def test_decoder_kernels(
    peer: Callable[[str], Any], measure: Measure, name: str, rows: int, *, rehearsed: bool
) -> None:
    size = 2 if rehearsed and rows > BEAMS else rows
    measure(name, rows, decoder_cases(peer(name).engine, size))
