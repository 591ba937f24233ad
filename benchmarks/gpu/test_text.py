"""Text to text on a GPU, with the bundled checkpoint, whose replies can be drafted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benchmarks.messages import MESSAGES
from benchmarks.peers import OURS, REFERENCE
from benchmarks.test_text import CASES, NO_DRAFTS, race_texts
from benchmarks.workload import NEW_TOKENS
from mime_fast import Generator
from mime_fast.checkpoint import Checkpoint

REHEARSED = next(iter(CASES))


@pytest.fixture(scope="module")
def generators(
    device: torch.device, checkpoint: Checkpoint, *, rehearsed: bool
) -> dict[str, Generator]:
    path = checkpoint.weights.parent if rehearsed else None
    ours = Generator(path, engine="cuda", device=str(device))
    reference = Generator(path, engine="eager", device=str(device))
    return {OURS: ours, NO_DRAFTS: ours, REFERENCE: reference}


@pytest.mark.parametrize("group", CASES)
def test_text(
    race: Callable[..., None], generators: dict[str, Generator], group: str, *, rehearsed: bool
) -> None:
    if not rehearsed:
        race_texts(race, generators, group, len(MESSAGES), insist=False)
    elif group == REHEARSED:
        race_texts(race, generators, group, 1, max_new_tokens=NEW_TOKENS)
    else:
        pytest.skip("not in a rehearsal")
