from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from mime_fast.emotions import EMOTIONS
from mime_fast.text.examples import (
    Example,
    digest,
    find_examples,
    load_examples,
    load_parts,
    load_training,
)


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
        ("{", r"is not JSON \(Expecting.*; write one JSON object a line"),
        ("[]", "must be a JSON object, got .*; write `emotion`"),
        ('"sad"', "must be a JSON object"),
        ("NaN", "NaN is not JSON; give a finite number"),
        ('{"emotion": "sad", "utterances": ["a", NaN]}', "NaN is not JSON"),
        ('{"emotion": "sad", "utterances": ["a", "b"], "i": -Infinity}', "-Infinity is not JSON"),
        ('{"emotion": "sad"}', "lacks 'context'; write .*`utterances`"),
        ('{"utterances": ["a", "b"]}', "lacks 'emotion'; write `emotion`"),
        ('{"emotion": "sad", "context": ["a"]}', "lacks 'target'"),
        ('{"emotion": "bored", "utterances": ["a", "b"]}', "unknown emotion 'bored'; use one of"),
        ('{"emotion": null, "utterances": ["a", "b"]}', "unknown emotion None; use one of"),
        ('{"emotion": ["sad"], "utterances": ["a", "b"]}', "unknown emotion .*; use one of"),
        ('{"emotion": "sad", "utterances": "ab"}', "must be a list of strings, .*got 'ab'"),
        ('{"emotion": "sad", "utterances": []}', "must be a list of strings, not empty"),
        ('{"emotion": "sad", "utterances": {"a": "b"}}', "must be a list of strings"),
        ('{"emotion": "sad", "utterances": ["a", 2]}', "turn 2 must be a str, got int"),
        ('{"emotion": "sad", "utterances": ["a", ["b"]]}', "turn 2 must be a str, got list"),
        ('{"emotion": "sad", "context": [], "target": "b"}', "must be a list of strings"),
        ('{"emotion": "sad", "context": ["a"], "target": null}', "target must be a str"),
        ('{"emotion": "sad", "context": ["a", "b"], "target": "c"}', "odd number of turns.*got 2"),
        (
            '{"emotion": "sad", "utterances": ["a", "b"], "context": ["a"], "target": "b"}',
            "holds both utterances and context",
        ),
        ("[" * 100_000, "nested too deeply"),
        ('{"emotion": "sad", "utterances": [' + "9" * 5000 + "]}", "is not JSON"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, named: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"emotion": "sad", "utterances": ["a", "b"]}\n' + line + "\n")
    with pytest.raises(ValueError, match=rf"bad\.jsonl:2: .*{named}"):
        load_examples(file)


BAD_TURNS = {
    "": "is empty; write at least one word",
    " \t\u2003": "is empty; write at least one word",
    "\u200b\u2060": "holds no word; write at least one word",
    "\ufeff": "holds no word; write at least one word",
    "\x07": "holds no word; write at least one word",
    "ok \ud83d": "is not valid UTF-8: .*; send UTF-8 text",
    "x" * 100_001: "has 100001 characters, more than 100000; shorten it",
}


@pytest.mark.parametrize("turn", BAD_TURNS, ids=lambda turn: ascii(turn)[:20])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_turn_that_cannot_be_sent_cannot_be_learned(
    tmp_path: Path, turn: str, place: int
) -> None:
    file = tmp_path / "bad.jsonl"
    turns = ["one", "two", "three", "four"]
    turns[place] = turn
    named = f"turn {place + 1} .*{BAD_TURNS[turn]}"
    file.write_text(json.dumps({"emotion": "sad", "utterances": turns}) + "\n")
    with pytest.raises(ValueError, match=rf"bad\.jsonl:1: {named}"):
        load_examples(file)
    record = {"emotion": "sad", "context": turns[:3], "target": turns[3]}
    file.write_text(json.dumps(record) + "\n")
    with pytest.raises(ValueError, match=named if place < 3 else f"target .*{BAD_TURNS[turn]}"):
        load_examples(file)


def test_further_problems_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("{\n" + '{"emotion": "sad", "utterances": ["a", "b"]}\n' + "[]\n{}\n")
    with pytest.raises(ValueError, match=r"bad\.jsonl:1: .* \(2 more: mime-fast data .*jsonl\)$"):
        load_examples(file)


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "windows.jsonl"
    line = '{"emotion": "sad", "utterances": ["a", "b"]}'
    file.write_bytes(f"\ufeff{line}\r\n\ufeff{line}\r\n".encode())  # as of two files joined
    assert load_examples(file) == [Example(["a"], "b", EMOTIONS.index("sad"))] * 2


def test_bytes_that_are_not_utf_8_are_named_and_blank_lines_skipped(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_bytes(b'{"emotion": "sad", "utterances": ["a", "b"]}\n\n')
    assert len(load_examples(file)) == 1
    file.write_bytes(b'\n{"emotion": "sad", "utterances": ["\xff", "b"]}\n')
    with pytest.raises(ValueError, match=r"bad\.jsonl:2: is not valid UTF-8.*; save the file as"):
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
    with pytest.raises(FileNotFoundError, match=r"nothing is at .*--data .*test\.csv, or a file"):
        find_examples(tmp_path / "nothing")


def test_a_folder_without_the_files_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"holds no test_examples\.jsonl or .* or test\.csv"
    ):
        find_examples(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"holds no train\.jsonl or train\.csv; give --data"
    ):
        load_training(tmp_path)
    (tmp_path / "train.jsonl").write_text("not read\n")
    with pytest.raises(
        FileNotFoundError, match=r"holds no valid\.jsonl or valid\.csv; give --data"
    ):
        load_parts(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nothing is at .*; give --data .*, or a file"):
        load_training(tmp_path / "nothing")


def conversation(number: int) -> str:
    turns = [f"I lost dog {number}.", "I am sorry.", "Thank you.", "Any time!"]
    return json.dumps({"emotion": "sad", "utterances": turns}) + "\n"


def test_of_a_file_every_tenth_conversation_validates(tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    file.write_text("".join(map(conversation, range(30))))
    training, validation = load_parts(file)
    assert training == load_training(file)
    firsts = [{example.context[0] for example in part} for part in (training, validation)]
    assert not firsts[0] & firsts[1]
    assert [len(first) for first in firsts] == [27, 3]
    assert len(training) + len(validation) == len(load_examples(file)) == 60


def test_a_small_file_is_divided_and_one_conversation_is_not(tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    file.write_text(conversation(0) + conversation(1))
    assert [len(part) for part in load_parts(file)] == [2, 2]
    file.write_text(conversation(0))
    with pytest.raises(ValueError, match="holds one conversation; training needs two or more"):
        load_training(file)


def test_a_pipe_is_read_once_for_both_parts(tmp_path: Path) -> None:
    file, pipe = tmp_path / "all.jsonl", tmp_path / "pipe"
    file.write_text("".join(map(conversation, range(30))))
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(file.read_text(),))
    writer.start()
    assert load_parts(pipe) == load_parts(file)
    writer.join()


def test_a_digest_tells_sets_and_orders_apart() -> None:
    first, second = Example(["a"], "b", 0), Example(["a"], "b", 1)
    assert digest([first, second]) == digest([first, second])
    assert digest([first, second]) != digest([second, first]) != digest([second])
