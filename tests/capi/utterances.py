"""Texts to compare both languages on: those of the tests, of the benchmarks, and of the data."""

from __future__ import annotations

import ast
import json
import os
import sys
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from tokenizers import normalizers

ROOT = Path(__file__).resolve().parents[2]
ED = os.environ.get("MIME_FAST_ED")
PHRASINGS = (
    "tests/text/crisis_development.jsonl",
    "benchmarks/crisis/heldout.jsonl",
    "benchmarks/crisis/grave.jsonl",
    "benchmarks/crisis/grave_heldout.jsonl",
)
EVERY = 200  # one utterance of so many is compared; --hypothesis-profile=thorough compares all


def phrasings() -> list[str]:
    """The messages by which the finders of crises and of grave messages are measured."""
    lines = [line for name in PHRASINGS for line in (ROOT / name).read_text("utf-8").splitlines()]
    return [text for line in lines for text in json.loads(line).values() if isinstance(text, str)]


def literals() -> list[str]:
    """Every string in the tests of text, however odd."""
    found: dict[str, None] = {}
    for path in sorted((ROOT / "tests/text").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found[node.value] = None
    return [text for text in found if is_text(text)]


def is_text(text: str) -> bool:
    """Whether C can be given it: no zero, no mark between arguments, no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return not {"\0", "\x1e"} & set(text)


@cache
def data() -> list[str]:
    """Utterances of EmpatheticDialogues; skips where they are not."""
    if ED is None:
        pytest.skip("MIME_FAST_ED does not name a folder with EmpatheticDialogues")
    files = [Path(ED) / f"{split}.jsonl" for split in ("train", "valid", "test")]
    lines = [line for path in files for line in path.read_text("utf-8").splitlines()]
    found = dict.fromkeys(text for line in lines for text in json.loads(line)["utterances"])
    return list(found)[:: 1 if is_thorough() else EVERY]


def is_thorough() -> bool:
    """Whether everything is compared, which takes minutes: --hypothesis-profile=thorough."""
    return settings().max_examples > 100


def lines_of_characters(whole: int, share: int) -> list[str]:
    """All characters alone, in a word, and behind one; 256 a line, so that a difference is found.

    whole: the lines that always come; of the others one of `share`, or all in a thorough test.
    """
    rows = [characters()[first : first + 256] for first in range(0, len(characters()), 256)]
    assert len(rows) > 500
    chosen = rows[:whole] + rows[whole :: 1 if is_thorough() else share]
    return ["".join(f"a{c}b {c} b{c}\n" for c in row) for row in chosen]


@cache
def characters() -> str:
    """Characters that Python's Unicode, ours and that of `tokenizers`, an older one, all have."""
    normalize = normalizers.NFKC().normalize_str
    return "".join(
        c
        for c in map(chr, range(1, sys.maxunicode + 1))
        if unicodedata.category(c) not in {"Cn", "Cs"}
        and c != "\x1e"
        # Its composition and order of marks show whether it knows a character.
        and all(
            normalize(t) == unicodedata.normalize("NFKC", t)
            for t in (c, *((f"a{c}\u0316", f"a\u0334{c}") if unicodedata.combining(c) else ()))
        )
    )
