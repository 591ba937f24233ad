from __future__ import annotations

import json
import lzma
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mime_fast.evaluation.outputs.files import checkpoint_name, read_outputs, write_outputs
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.files import WriteError
from mime_fast.text.examples import Example

Change = Callable[[list[dict[str, Any]]], object]


@pytest.fixture
def file(tmp_path: Path, outputs: Outputs, examples: list[Example]) -> Path:
    write_outputs(outputs, examples, tmp_path / "folder" / "tiny.jsonl")
    return tmp_path / "folder" / "tiny.jsonl"


def rewrite(file: Path, change: Change) -> None:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    change(lines)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_what_is_written_is_read_again(
    file: Path, outputs: Outputs, examples: list[Example]
) -> None:
    assert read_outputs(file, examples) == [outputs]
    bare = Outputs("bare", {"beam": ["a", "b", "c"]})
    write_outputs(bare, examples, file)
    assert read_outputs(file, examples) == [bare]
    assert [path.name for path in file.parent.iterdir()] == ["tiny.jsonl"]


def test_a_compressed_file_is_read_as_what_it_holds(
    file: Path, outputs: Outputs, examples: list[Example]
) -> None:
    compressed = file.with_name("tiny.jsonl.xz")
    compressed.write_bytes(lzma.compress(file.read_bytes()))
    assert read_outputs(compressed, examples) == [outputs]
    content = compressed.read_bytes()
    for damaged in (content[:-9], b"", file.read_bytes(), lzma.compress(b"\xff")):
        compressed.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"tiny\.jsonl\.xz is not? .*(copy|save) it"):
            read_outputs(compressed, examples)
    compressed.write_bytes(lzma.compress(file.read_bytes().replace(b"tiny", b"", 1)[:-20]))
    with pytest.raises(ValueError, match=r"tiny\.jsonl\.xz:\d"):
        read_outputs(compressed, examples)


def test_no_text_of_the_examples_is_in_it(file: Path, examples: list[Example]) -> None:
    text = file.read_text().lower()
    for example in examples:
        for turn in (*example.context, example.target):
            assert turn.lower() not in text


def test_other_examples_or_another_order_are_refused(file: Path, examples: list[Example]) -> None:
    for others in (examples[::-1], examples[:2]):
        with pytest.raises(ValueError, match=r"tiny\.jsonl:1 answers 3 other examples"):
            read_outputs(file, others)


def drop(line: int, name: str) -> Change:
    return lambda lines: lines[line].pop(name)


def put(line: int, name: str, value: object) -> Change:
    return lambda lines: lines[line].update({name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines.pop(), r":3: 2 replies, but 3 examples"),
        (lambda lines: lines.append(lines[-1]), r":5: 4 replies, but 3 examples"),
        (lambda lines: lines.insert(1, lines.pop()), r":2: index must be 0 here, got 2"),
        (drop(0, "digest"), r":1 is not the header .*digest"),
        (drop(0, "seeds"), r":1 is not the header"),
        (put(0, "seeds", [1, 1]), r":1 is not the header .*different"),
        (put(0, "system", ""), r":1 is not the header .*name"),
        (put(0, "facts", {"emotion_embedding": [[1, 2]]}), r":1 is not the header .*32 rows"),
        (put(0, "system", "a\nb"), r":1 is not the header .*can be printed"),
        (put(0, "system", " "), r":1 is not the header .*can be printed"),
        (put(0, "more", 1), r":1: unknown field more; write the file again"),
        (drop(0, "examples"), r":1 is not the header .*examples"),
        (lambda lines: lines.__setitem__(2, 5), r":3: a line must be an object, got 5"),
        (put(0, "format", 2), r":1: format 2, this version reads format 1"),
        (put(0, "format", True), r":1: format True"),
        (drop(2, "replies"), r":3: lacks the field 'replies'"),
        (drop(2, "emotions"), r":3: expected the fields cost, emotions"),
        (drop(3, "tokens"), r":4: lacks the field 'tokens'"),
        (put(3, "replies", {"greedy": "a"}), r":4: expected .*beam, greedy replies"),
        (put(3, "replies", {"greedy": 1, "beam": "a"}), r":4: a reply must be a string, got 1"),
        (put(3, "replies", ["a"]), r":4: replies must be an object, got"),
        (put(3, "emotions", ["bored"]), r":4: unknown emotion 'bored'"),
        (put(3, "emotions", []), r":4: emotions must name one or more"),
        (put(3, "cost", float("nan")), r":4: cost must be finite"),
        (put(3, "cost", "high"), r":4: cost must be finite, 0 or more, got 'high'"),
        (put(3, "cost", True), r":4: cost must be finite, 0 or more, got True"),
        (put(3, "cost", 10**400), r":4: cost must be finite"),
        (put(3, "tokens", 10**400), r":4: tokens must be above 0"),
        (drop(3, "cost"), r":4: lacks the field 'cost'"),
        (put(3, "replies", {}), r":4: holds no replies"),
        (put(3, "emotion", ["sad"]), r":4: unknown field emotion; the fields are cost, emotions"),
        (put(3, "emotions", {"sad": 1}), r":4: emotions must be a list"),
        (put(1, "seeds", "ab"), r":2: seeds must be a list, got 'ab'"),
        (put(1, "seeds", {"a": 1, "b": 2}), r":2: seeds must be a list"),
        (put(1, "seeds", ["a", "\ud800"]), r":2: .* is no text \(surrogates"),
        (put(0, "system", "\ud800"), r":1 is not the header .*can be printed"),
        (put(0, "seeds", {"0": 1}), r":1 is not the header .*different integers"),
        (put(0, "facts", {"parameters": 10**400}), r":1 is not the header .*parameters must"),
        (put(0, "facts", {"unknown_types": True}), r":1 is not the header .*got True"),
        (put(0, "facts", {"emotion_embedding": [[1e308] * 2] * 32}), r":1 is not .*below 1e\+30"),
        (
            lambda lines: [line.pop("seeds") for line in lines[1:3]],
            r":2: lacks the replies of the 2 seeds of line 1",
        ),
        (put(3, "tokens", 0), r":4: tokens must be above 0, got 0"),
        (put(1, "seeds", ["a"]), r":2: expected .* of 2 seeds, got .* of 1 seeds"),
        (drop(1, "seeds"), r":2: expected .* of 2 seeds, got .* of 0 seeds"),
    ],
)
def test_a_file_that_was_tampered_with_is_named(
    file: Path, examples: list[Example], change: Change, message: str
) -> None:
    rewrite(file, change)
    with pytest.raises(ValueError, match=r"tiny\.jsonl" + message):
        read_outputs(file, examples)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\n", b"{\n", b"[]\n", b"hello\n", b"{" * 100_000, b'{"format": 1}']
)
def test_other_files_are_refused(tmp_path: Path, examples: list[Example], content: bytes) -> None:
    (tmp_path / "odd.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"odd\.txt"):
        read_outputs(tmp_path / "odd.txt", examples)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"replies": {}}, "tiny holds no replies"),
        ({"costs": [1.0]}, "one of each an example"),
        ({"costs": [1.0, float("inf"), 2.0]}, "cost must be finite, 0 or more, got inf"),
        ({"tokens": [1, 0, 1]}, "tokens must be above 0, got 0"),
        ({"tokens": None}, "costs and tokens belong together"),
        ({"seeds": {0: ["a"], 1: ["a", "b"]}}, "every seed needs replies to the same contexts"),
    ],
)
def test_outputs_that_do_not_fit_each_other_are_refused(
    outputs: Outputs, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(outputs, **change)


def test_the_only_decoding_there_is_stands_in(outputs: Outputs) -> None:
    assert outputs.decoding("beam") == "beam"
    assert Outputs("one", {"beam": ["a"]}).decoding("greedy") == "beam"
    assert outputs.decoding("mbr,beam,greedy") == "beam"
    with pytest.raises(ValueError, match="tiny holds no 'topk' replies; use one of: greedy, beam"):
        outputs.decoding("topk")


def test_a_wrong_number_is_never_written(
    outputs: Outputs, examples: list[Example], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="3 replies, 2 examples"):
        write_outputs(outputs, examples[:2], tmp_path / "tiny.jsonl")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there_is_an_error(examples: list[Example], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no outputs at .*none.jsonl; write them"):
        read_outputs(tmp_path / "none.jsonl", examples)


def test_a_byte_order_mark_changes_nothing(
    file: Path, outputs: Outputs, examples: list[Example]
) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert read_outputs(file, examples) == [outputs]


def test_what_is_not_utf_8_is_named(file: Path, examples: list[Example]) -> None:
    file.write_bytes(file.read_bytes().replace(b"sorry", b"s\xffrry"))
    with pytest.raises(ValueError, match=r"tiny\.jsonl is not UTF-8 .*; save it as UTF-8 text"):
        read_outputs(file, examples)


def test_nan_is_named(file: Path, examples: list[Example]) -> None:
    file.write_text(file.read_text().replace("2.25", "NaN"))
    with pytest.raises(ValueError, match=r"tiny\.jsonl:3: cost must be finite.*write"):
        read_outputs(file, examples)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        (b"plain", "plain"),
        (b"caf\xe9", "caf\ufffd"),
        (b"line\nfeed", "line\ufffdfeed"),
        ("dög".encode(), "dög"),
    ],
)
def test_a_checkpoint_has_a_name_that_can_be_printed(
    tmp_path: Path, outputs: Outputs, examples: list[Example], folder: bytes, name: str
) -> None:
    assert checkpoint_name(tmp_path / os.fsdecode(folder)) == name
    path = tmp_path / f"{name}.jsonl"
    write_outputs(replace(outputs, system=name), examples, path)
    assert read_outputs(path, examples)[0].system == name


def test_a_full_disk_keeps_the_old_outputs(
    outputs: Outputs, examples: list[Example], mount: Callable[..., Path]
) -> None:
    path = mount("size=100k") / "tiny.jsonl"
    write_outputs(outputs, examples, path)
    large = replace(outputs, facts={"config": "x" * 200_000})
    with pytest.raises(WriteError, match=r"No space left on device\), .* is as it was; free space"):
        write_outputs(large, examples, path)
    assert read_outputs(path, examples) == [outputs]
