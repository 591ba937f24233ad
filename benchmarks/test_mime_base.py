"""mime-base beside its peers, token ids to token ids: greedy replies, alone and together."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import cycle
from typing import Any

import numpy as np
import pytest

from benchmarks.messages import MESSAGES
from benchmarks.peers import BY_NAME, OURS, REFERENCE, check
from benchmarks.peers.base import answer_together
from benchmarks.test_replies import SLOW_START
from benchmarks.workload import Request
from mime_fast import bundled
from mime_fast import checkpoint as checkpoints
from mime_fast.checkpoint import Checkpoint
from mime_fast.text.dialogue import encode_dialogue

NAME = "mime-base"
# CTranslate2 has no layer that would hold its decoder.
PEERS = (
    "PyTorch eager",
    "PyTorch bfloat16",
    SLOW_START,
    "PyTorch int8",
    "ONNX Runtime",
    "ONNX Runtime int8",
)
SMOKE_PEERS = ("PyTorch eager", "ONNX Runtime")
SINGLES, QUICK_SINGLES, BATCH, STRIDE = 16, 2, 32, 3
Run = Callable[..., None]


@pytest.fixture(scope="module")
def trained() -> Checkpoint:
    return checkpoints.load(bundled.folder_of(NAME))


@pytest.fixture(scope="module")
def requests(trained: Checkpoint) -> list[Request]:
    """Messages of 5 to 28 words; each with the noise of its number."""
    config = trained.config
    shape = config.latents, config.noise_dim
    return [
        Request(
            encode_dialogue(trained.tokenizer, [message], config.max_positions),
            np.random.default_rng(number).standard_normal(shape, np.float32),
        )
        for number, message in enumerate(MESSAGES[::STRIDE])
    ]


@pytest.fixture(scope="module")
def contestant(trained: Checkpoint, threads: int) -> Callable[[str], Any]:
    """A contestant by name, made once."""
    return cache(lambda name: BY_NAME[name].create(trained, threads))


@pytest.fixture
def names(*, quick: bool, smoke: bool) -> list[str]:
    peers = SMOKE_PEERS if smoke else PEERS
    return [OURS, *(peer for peer in peers if not (quick and peer == SLOW_START)), REFERENCE]


@pytest.mark.parametrize("size", [1, BATCH])
def test_mime_base(
    race: Run,
    contestant: Callable[[str], Any],
    requests: list[Request],
    names: list[str],
    size: int,
    *,
    quick: bool,
    smoke: bool,
) -> None:
    if size > 1:
        works = [requests[: 2 if smoke else size]]
        names = [name for name in names if name != SLOW_START]
    else:
        step = len(requests) // (QUICK_SINGLES if quick else SINGLES)
        works = [[request] for request in requests[::step]]
    expected = [reply for work in works for reply in answer_together(contestant(REFERENCE), work)]
    more = {}
    for name in names:
        found = [reply for work in works for reply in answer_together(contestant(name), work)]
        more[name] = {"equal": check(BY_NAME[name], found, expected)}
    turns = {name: cycle(works) for name in names}
    calls = {
        name: lambda name=name: answer_together(contestant(name), next(turns[name]))
        for name in names
    }
    race(f"{NAME}: {'greedy reply' if size == 1 else f'batch of {BATCH}'}", calls, more)
