"""A page about made-up systems."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.comparison import gold as gold_module
from mime_fast.evaluation.comparison.compare import compare
from mime_fast.evaluation.comparison.gold import Gold
from mime_fast.evaluation.comparison.measure import measure
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.evaluation.page.material import Material
from mime_fast.text.examples import Example

HOSTILE = "<script>alert('&\"')</script>"


@pytest.fixture(autouse=True)
def no_sentence_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold_module, "_sentence_encoder", lambda: (None, "not in this test"))


@pytest.fixture
def hostile_examples(examples: list[Example]) -> list[Example]:
    first = replace(examples[0], context=[f"I lost {HOSTILE}"], target=f"Oh {HOSTILE}")
    return [first, *examples[1:]]


@pytest.fixture
def material(outputs: Outputs, hostile_examples: list[Example]) -> Material:
    """Three systems with all that outputs can hold, little, and nothing but replies."""
    table = np.random.default_rng(0).normal(size=(len(EMOTIONS), 4)).round(4).tolist()
    facts = {"config": {"mimicry": True}, "emotion_embedding": table, "note": HOSTILE}
    full = replace(outputs, system=f"full {HOSTILE}", facts=facts)
    other = replace(outputs, system="other", costs=[6.0, 3.0, 9.0], seeds=None, facts={})
    bare = Outputs("bare", {"beam": [HOSTILE, "b b", "i am"]})
    gold = Gold(hostile_examples)
    systems = [measure(each, gold, "greedy") for each in (full, other, bare)]
    tests = compare(systems[0], systems[1:], gold)
    return Material(hostile_examples, gold, systems, tests, full.system, command="mime-fast report")
