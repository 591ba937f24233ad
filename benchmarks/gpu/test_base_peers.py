"""The races of mime-base again, beside PyTorch: eager with a cache, and torch.compile."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.gpu.contestants import COMPILED, EAGER
from benchmarks.gpu.test_base import NAMES, race_base
from benchmarks.peers import OURS
from benchmarks.workload import BEAMS, REHEARSAL

OTHERS = [OURS, EAGER] if REHEARSAL else [*NAMES, EAGER]
LAST = [COMPILED] if REHEARSAL else [OURS, COMPILED]  # compiled for half a minute


def test_base_greedy(race: Callable[..., None], device: torch.device, *, rehearsed: bool) -> None:
    race_base(race, OTHERS, "greedy reply", str(device), rehearsed=rehearsed)


def test_base_beam(race: Callable[..., None], device: torch.device, *, rehearsed: bool) -> None:
    race_base(race, OTHERS, f"beam {BEAMS} reply", str(device), rehearsed=rehearsed)


def test_base_batch(race: Callable[..., None], device: torch.device, *, rehearsed: bool) -> None:
    race_base(race, OTHERS, "batch of 256", str(device), rehearsed=rehearsed)


def test_base_compiled(race: Callable[..., None], device: torch.device, *, rehearsed: bool) -> None:
    race_base(race, LAST, "greedy reply", str(device), rehearsed=rehearsed)
