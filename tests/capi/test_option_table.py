"""The options of libmime_fast beside the table of Python's."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from mime_fast.bundled import folder_of
from mime_fast.config import GenerationConfig
from mime_fast.config.generation import SAMPLING
from mime_fast.options import Entry, table
from tests.capi.conftest import Probe
from tests.capi.library import Library, LibraryError, Loaded

HEADER = Path(__file__).parents[2] / "csrc/include/mime_fast/mime_fast.h"
ENTRIES = table(GenerationConfig)
C_ALONE = {"size", "stop_count", "bad_words_count", "has_seed"}


@pytest.fixture(scope="module")
def loaded(library: Library) -> Loaded:
    return library.load(folder_of("mime-small"), threads=1)


def test_the_header_has_every_option() -> None:
    text = HEADER.read_text(encoding="utf-8")
    found = re.search(
        r"typedef struct mime_fast_options \{(.*?)\} mime_fast_options;", text, re.DOTALL
    )
    assert found
    fields = re.sub(r"/\*.*?\*/", "", found[1], flags=re.DOTALL)
    names = set(re.findall(r"(\w+);", fields))
    assert names == {entry.name for entry in ENTRIES} | C_ALONE


def test_defaults_are_those_of_python(probe: Probe) -> None:
    found = dict(line.split("=") for line in probe("options").split())
    expected = {entry.name: entry.default for entry in ENTRIES if entry.name in found}
    assert {name: number(text) for name, text in found.items()} == expected
    others = {entry.name: entry.default for entry in ENTRIES if entry.name not in found}
    assert others == {
        "stop": (),
        "early_stopping": True,
        "bad_words": (),
        "seed": None,
        "emotion": None,
        "on_crisis": "reply",
        "crisis_reply": None,
    }


def number(text: str) -> Any:
    return {"none": None, "true": True, "false": False}.get(text) if text.isalpha() else float(text)


def outside(entry: Entry) -> list[float]:
    """Values just below and above the range; C has -1 for an option that is not set."""
    within, step = entry.option.within, 1 if entry.kind is int else 0.001
    assert within
    below = within.low - step
    return [-2 if below == -1 else below] + [within.high + step] * math.isfinite(within.high)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        (entry, value)
        for entry in ENTRIES
        if entry.option.within and entry.name != "seed"  # any that C can hold
        for value in outside(entry)
    ],
    ids=lambda each: each.name if isinstance(each, Entry) else str(each),
)
def test_ranges_are_those_of_python(loaded: Loaded, entry: Entry, value: float) -> None:
    assert entry.option.within
    rule = re.escape(f"{entry.name} must be {entry.option.within.describe()}")
    with pytest.raises(LibraryError, match=rf"{rule}.*, got {value:.5g}"):
        loaded.respond("hi", **{entry.name: value, "do_sample": entry.name in SAMPLING})
