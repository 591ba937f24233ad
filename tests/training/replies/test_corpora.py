from __future__ import annotations

import json
import re
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


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("[]", "must be a JSON object, got []; write"),
        ("{", "is not JSON (.*); write one JSON object a line"),
        ('{"turns": []}', "lacks 'utterances'; write the turns as a list of strings"),
        ('{"utterances": "abc"}', "utterances must be a list of strings, not empty, got 'abc'"),
        ('{"utterances": {"a": 1}}', "utterances must be a list of strings, not empty, got {'a'"),
        ('{"utterances": []}', "utterances must be a list of strings, not empty, got []"),
        ('{"utterances": ["a", null, 5]}', "turn 2 must be a str, got NoneType"),
        ('{"utterances": ["a", ""]}', "turn 2 is empty; write at least one word"),
        ('{"utterances": ["a", "\\u200b"]}', "turn 2 is '\\u200b', which holds no word"),
        ('{"utterances": ["a", "\\ud800"]}', "turn 2 is not valid UTF-8"),
        ('{"utterances": ["a", "b"], "emotion": ["sad"]}', "emotion must be a string, got ['sad']"),
        ('{"utterances": ["a", "b"], "emotion": "Sad"}', "emotion is 'Sad'; write it as 'sad'"),
        (b'{"utterances": ["caf\xe9", "b"]}', "is not valid UTF-8: .*; save the file as UTF-8"),
    ],
)
def test_a_line_that_is_no_conversation_is_named(
    tmp_path: Path, line: str | bytes, what: str
) -> None:
    path = tmp_path / f"{next(iter(SOURCES))}.jsonl"
    written = line if isinstance(line, bytes) else line.encode()
    path.write_bytes(b'{"utterances": ["a", "b"]}\n' + written + b"\n")
    expected = re.escape(what).replace(re.escape(".*"), ".*")
    with pytest.raises(ValueError, match=rf"chitchat.jsonl:2: {expected}"):
        load_corpora(tmp_path, 100, seed=1)


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    line = json.dumps({"utterances": KIND})
    for source in SOURCES:
        (tmp_path / f"{source}.jsonl").write_text(f"{line}\n", encoding="utf-8-sig")
    assert load_corpora(tmp_path, 100, seed=1) == [CorpusDialogue(KIND, None)] * len(SOURCES)
