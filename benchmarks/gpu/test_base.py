"""Whole replies of mime-base, token ids to token ids: the headline times of ours, beside eager."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import cycle
from typing import Any

import pytest
import torch

from benchmarks.gpu.contestants import BY_NAME, same_tokens
from benchmarks.gpu.names import OF_OURS
from benchmarks.gpu.test_replies import REQUESTS
from benchmarks.peers import REFERENCE
from benchmarks.peers.base import answer_greedily, answer_together, answer_with_beams
from benchmarks.workload import BASE, BEAMS, Request, base_checkpoint, random_requests

NAMES = [*OF_OURS, REFERENCE]
LARGEST = 256  # requests of a batch
KINDS: dict[str, Callable[[Any, list[Request]], Any]] = {
    "greedy reply": answer_greedily,
    f"beam {BEAMS} reply": answer_with_beams,
    "batch of 256": answer_together,
}


@cache
def base_peer(name: str, device: str) -> Any:
    """A contestant, made once."""
    return BY_NAME[name].create(base_checkpoint(tiny=device == "cpu"), device)


def race_base(
    race: Callable[..., None], names: Sequence[str], kind: str, device: str, *, rehearsed: bool
) -> None:
    """Check everybody's tokens, then time everybody; a contestant that fails is left out."""
    answer, together = KINDS[kind], kind.startswith("batch")
    count = (2 if together else 1) if rehearsed else LARGEST if together else REQUESTS
    requests = random_requests(base_checkpoint(tiny=rehearsed).config, count)
    works = [requests] if together else [[request] for request in requests]

    def answers(name: str) -> list[Any]:
        peer = base_peer(name, device)
        return [reply for work in works for reply in answer(peer, work)]

    expected, more, failed = answers(REFERENCE), {}, []
    for name in names:
        try:
            equal, share = same_tokens(BY_NAME[name], answers(name), expected)
        except Exception as error:  # noqa: BLE001 - the others are still measured
            failed.append(f"{name}: {type(error).__name__}: {error}")
            continue
        more[name] = {"equal": equal}
        if equal is False:
            failed.append(f"{name} answers other tokens than {REFERENCE}: {share:.1%} agree")
    turns = {name: cycle(works) for name in more}
    calls = {
        name: lambda name=name: answer(base_peer(name, device), next(turns[name])) for name in more
    }
    race(f"{BASE}: {kind}", calls, more)
    if failed:
        pytest.fail("; ".join(failed))


def test_base_greedy(race: Callable[..., None], device: torch.device, *, rehearsed: bool) -> None:
    race_base(race, NAMES, "greedy reply", str(device), rehearsed=rehearsed)


def test_base_beam(race: Callable[..., None], device: torch.device, *, rehearsed: bool) -> None:
    race_base(race, NAMES, f"beam {BEAMS} reply", str(device), rehearsed=rehearsed)


def test_base_batch(race: Callable[..., None], device: torch.device, *, rehearsed: bool) -> None:
    race_base(race, NAMES, "batch of 256", str(device), rehearsed=rehearsed)
