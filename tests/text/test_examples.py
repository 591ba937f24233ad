from __future__ import annotations

import json
from pathlib import Path

import pytest

from mime_fast.text.examples import Example, digest, find_examples, load_examples


def test_a_conversation_gives_an_example_for_each_listener_turn(tmp_path: Path) -> None:
    turns = ["I lost my dog.", "I am sorry.", "Thank you.", "Any time!", "Bye."]
    file = tmp_path / "train.jsonl"
    file.write_text(json.dumps({"utterances": turns, "emotion": "sad"}) + "\n")
    first, second = load_examples(file)
    assert (first.context, first.target) == (turns[:1], turns[1])
    assert (second.context, second.target) == (turns[:3], turns[3])


def test_ready_examples_are_read_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "examples.jsonl"
    record = {"context": ["Hi.", "Hello.", "Bye."], "target": "Bye!", "emotion": "content"}
    file.write_text(json.dumps(record) + "\n")
    (example,) = load_examples(file)
    assert (example.context, example.target) == (record["context"], "Bye!")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "Expecting"),
        ("[]", "TypeError"),
        ('{"emotion": "sad"}', "utterances"),
        ('{"emotion": "bored", "utterances": ["a", "b"]}', "bored"),
        ('{"emotion": "sad", "utterances": "ab"}', "list of strings"),
        ('{"emotion": "sad", "utterances": ["a", 2]}', "list of strings"),
        ('{"emotion": "sad", "context": [], "target": "b"}', "list of strings"),
        ('{"emotion": "sad", "context": ["a", "b"], "target": "c"}', "odd number of turns"),
        ("[" * 100_000, "RecursionError"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, named: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"emotion": "sad", "utterances": ["a", "b"]}\n' + line + "\n")
    with pytest.raises(ValueError, match=rf"bad\.jsonl:2: .*{named}"):
        load_examples(file)


def test_bytes_that_are_not_utf_8_are_named_and_blank_lines_skipped(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_bytes(b'{"emotion": "sad", "utterances": ["a", "b"]}\n\n')
    assert len(load_examples(file)) == 1
    file.write_bytes(b'\n{"emotion": "sad", "utterances": ["\xff", "b"]}\n')
    with pytest.raises(ValueError, match=r"bad\.jsonl:2"):
        load_examples(file)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ValueError, match="holds no example"):
        load_examples(tmp_path / "empty.jsonl")


def test_a_folder_means_its_examples_else_its_test_set(tmp_path: Path) -> None:
    for name in ("test.jsonl", "test_examples.jsonl"):
        (tmp_path / name).touch()
        assert find_examples(tmp_path).name == name
    assert find_examples(tmp_path / "test.jsonl") == tmp_path / "test.jsonl"
    with pytest.raises(FileNotFoundError, match="--data"):
        find_examples(tmp_path / "nothing")


def test_a_digest_tells_sets_and_orders_apart() -> None:
    first, second = Example(["a"], "b", 0), Example(["a"], "b", 1)
    assert digest([first, second]) == digest([first, second])
    assert digest([first, second]) != digest([second, first]) != digest([second])
