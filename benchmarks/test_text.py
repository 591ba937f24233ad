"""Text to text, with the bundled checkpoints: what a user of Generator waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import pytest
import torch

from benchmarks.messages import MESSAGES
from benchmarks.peers import OURS, REFERENCE
from mime_fast import Generator, bundled
from mime_fast.config import AS_GENERATED, GenerationConfig

NO_DRAFTS = f"{OURS}, no drafts"
BATCH = 32
CHECKED, QUICK_CHECKED = 8, 2  # works that the reference answers too
QUICK_WORKS = 12  # all of a batch takes minutes where samples are many
SMOKE_WORKS, SMOKE_TOKENS = 1, 3
# Messages at a time, and options; None: the defaults of the checkpoint.
CASES: dict[str, tuple[int, dict[str, Any] | None]] = {
    "greedy reply": (1, {}),
    "beam 5 reply": (1, {"num_beams": 5}),
    "sampled reply": (1, {"do_sample": True, "top_p": 0.9}),
    "consensus of 32 samples": (1, {"do_sample": True, "temperature": 0.5, "mbr_samples": 32}),
    "default reply, the best of 4 samples": (1, None),
    f"batch of {BATCH}": (BATCH, {}),
}


@pytest.fixture(scope="module", params=bundled.NAMES)
def checkpoint_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def generators(checkpoint_name: str, threads: int) -> dict[str, Generator]:
    torch.set_num_threads(threads)
    ours = Generator(checkpoint_name, engine="native", intra_threads=threads)
    return {OURS: ours, NO_DRAFTS: ours, REFERENCE: Generator(checkpoint_name, engine="eager")}


@pytest.mark.parametrize("case", CASES)
def test_text(
    race: Callable[..., None],
    generators: dict[str, Generator],
    checkpoint_name: str,
    case: str,
    *,
    quick: bool,
    smoke: bool,
) -> None:
    group = f"{checkpoint_name}: {case}"
    if smoke:
        race_texts(race, generators, group, case, SMOKE_WORKS, max_new_tokens=SMOKE_TOKENS)
    elif quick:
        race_texts(race, generators, group, case, QUICK_WORKS, checked=QUICK_CHECKED)
    else:
        race_texts(race, generators, group, case, len(MESSAGES))


def race_texts(
    race: Callable[..., None],
    generators: dict[str, Generator],
    group: str,
    case: str,
    most: int,
    *,
    checked: int = CHECKED,
    insist: bool = True,
    **limits: Any,
) -> None:
    """At most so many works in turns; a seed for each, which its emotions are sampled with.

    insist: nothing is timed where a text is wrong. Otherwise it is, and then the test fails.
    """
    count, options = CASES[case]
    starts = range(0, len(MESSAGES), count)[:most]
    works = [(start, MESSAGES[start : start + count]) for start in starts]

    def answer(name: str, work: tuple[int, Sequence[str]]) -> list[str]:
        seed, messages = work
        generator, drafts = generators[name], name != NO_DRAFTS
        config = generator.defaults if options is None else GenerationConfig(**options)
        config = config.replace(seed=seed, speculation=drafts, **limits, **AS_GENERATED)
        replies = generator.respond_batch(messages, config)
        return [reply.text for reply in replies]

    names = [OURS, NO_DRAFTS, REFERENCE] if options == {} else [OURS, REFERENCE]
    wrong = [work for work in works if answer(OURS, work) != answer(NO_DRAFTS, work)]
    wrong += [work for work in works[:checked] if answer(OURS, work) != answer(REFERENCE, work)]
    assert not (wrong and insist), wrong
    turns = {name: cycle(works) for name in names}
    calls = {name: lambda name=name: answer(name, next(turns[name])) for name in names}
    race(group, calls, {OURS: {"equal": False}} if wrong else {})
    assert not wrong
