from __future__ import annotations

import json
from pathlib import Path

import pytest

from mime_fast.emotions import EMOTIONS
from mime_fast.training.replies.corpora import (
    LONGEST_TURN,
    SOURCES,
    CorpusDialogue,
    is_wanted,
    load_corpora,
    sample,
)

KIND = ["I baked a cake.", "That sounds lovely!"]


@pytest.mark.parametrize(
    "turn",
    [
        "You are an idiot.",
        "IDIOTS everywhere",
        "write to me@home",
        "see www.home",
        "call 555-1234",
        "my number is 12345",
        "word " * (LONGEST_TURN + 1),
        "",
        " \t",
    ],
)
def test_a_conversation_with_such_a_turn_is_left_out(turn: str) -> None:
    assert not is_wanted([*KIND, turn])


@pytest.mark.parametrize("turn", ["The skills of a classic sexton.", "It cost 1,200 dollars."])
def test_words_that_only_look_alike_are_kept(turn: str) -> None:
    assert is_wanted([*KIND, turn])


def test_a_single_turn_is_no_conversation() -> None:
    assert not is_wanted(KIND[:1])


def test_a_sample_is_as_large_as_asked_and_repeats_with_its_seed() -> None:
    wanted = [CorpusDialogue([f"I saw {n}.", "Nice!"], n) for n in range(50)]
    conversations = wanted + [CorpusDialogue(["x", "what a jerk"], None)] * 50
    found = list(sample(conversations, 30, seed=1))
    assert sum(len(dialogue.utterances) for dialogue in found) == 30
    assert found == list(sample(conversations, 30, seed=1))
    assert found != list(sample(conversations, 30, seed=2))
    assert len(list(sample(conversations, 1000, seed=1))) == 50


def test_corpora_are_read_with_our_emotions(tmp_path: Path) -> None:
    lines = [
        {"utterances": KIND, "emotion": "sad"},
        {"utterances": KIND, "emotion": "questioning"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    for source in SOURCES:
        (tmp_path / f"{source}.jsonl").write_text(text, encoding="utf-8")
    found = load_corpora(tmp_path, 100, seed=1)
    assert len(found) == 2 * len(SOURCES)
    assert {dialogue.emotion for dialogue in found} == {EMOTIONS.index("sad"), None}


@pytest.mark.parametrize("line", ["[]", '{"turns": []}', "{"])
def test_a_line_that_is_no_conversation_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / f"{SOURCES[0]}.jsonl"
    path.write_text(f'{{"utterances": []}}\n{line}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"chitchat.jsonl:2: is no conversation"):
        load_corpora(tmp_path, 100, seed=1)
