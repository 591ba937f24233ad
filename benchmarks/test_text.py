"""Text to text, with the bundled checkpoint: what a user of Generator waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmarks.peers import OURS, REFERENCE
from mime_fast import Generator

MESSAGES = [
    "I lost my dog yesterday.",
    "I finally got the job that I wanted!",
    "My sister is visiting next week and I have so much to clean before she comes.",
    "Somebody broke into our car last night.",
]
CASES: list[tuple[str, int, dict[str, Any]]] = [
    ("text: greedy reply", 1, {}),
    ("text: beam 5 reply", 1, {"num_beams": 5}),
    ("text: sampled reply", 1, {"do_sample": True, "top_p": 0.9}),
    ("text: batch of 32", 32, {}),
]


@pytest.fixture(scope="module")
def generators(threads: int) -> dict[str, Generator]:
    torch.set_num_threads(threads)
    return {
        OURS: Generator(engine="native", intra_threads=threads),
        REFERENCE: Generator(engine="eager"),
    }


@pytest.mark.parametrize(("group", "count", "options"), CASES, ids=[case[0] for case in CASES])
def test_text(
    race: Callable[..., None],
    generators: dict[str, Generator],
    group: str,
    count: int,
    options: dict[str, Any],
) -> None:
    messages = [MESSAGES[index % len(MESSAGES)] for index in range(count)]

    def answer(name: str) -> list[str]:
        responses = generators[name].respond_batch(messages, seed=1, **options)
        return [response.text for response in responses]

    assert answer(OURS) == answer(REFERENCE)
    race(group, {name: lambda name=name: answer(name) for name in generators})
