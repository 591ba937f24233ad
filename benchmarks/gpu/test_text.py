"""Text to text on a GPU, with the bundled mime-small, whose replies can be drafted."""

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
    path = checkpoint.weights.parent if rehearsed else "mime-small"
    ours = Generator(path, engine="cuda", device=str(device))
    reference = Generator(path, engine="eager", device=str(device))
    return {OURS: ours, NO_DRAFTS: ours, REFERENCE: reference}


@pytest.mark.parametrize("case", CASES)
def test_text(
    race: Callable[..., None], generators: dict[str, Generator], case: str, *, rehearsed: bool
) -> None:
    group = f"mime-small: {case}"
    if not rehearsed:
        race_texts(race, generators, group, case, len(MESSAGES), insist=False)
    elif case == REHEARSED:
        race_texts(race, generators, group, case, 1, max_new_tokens=NEW_TOKENS)
    else:
        pytest.skip("not in a rehearsal")
