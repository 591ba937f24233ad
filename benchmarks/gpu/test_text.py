"""Text to text on a GPU, with the bundled checkpoint, whose replies can be drafted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benchmarks.peers import OURS, REFERENCE
from benchmarks.test_text import CASES, NO_DRAFTS, race_texts
from mime_fast import Generator


@pytest.fixture(scope="module")
def generators(device: torch.device, *, rehearsed: bool) -> dict[str, Generator]:
    if rehearsed:
        pytest.skip("interpreted, 96 messages would take an hour")
    ours = Generator(engine="cuda", device=str(device))
    reference = Generator(engine="eager", device=str(device))
    return {OURS: ours, NO_DRAFTS: ours, REFERENCE: reference}


@pytest.mark.parametrize("group", CASES)
def test_text(race: Callable[..., None], generators: dict[str, Generator], group: str) -> None:
    race_texts(race, generators, group)
