"""`mime-fast data`: checking and converting files of dialogues."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mime_fast.data import check_data
from mime_fast.text.examples import load_examples
from mime_fast.text.published import HEADER

ROWS = (
    "a,1,sad,It_comma_ broke.,1,My phone_comma_ it broke.,,",
    "a,2,sad,It_comma_ broke.,2,Oh no!,,",
    "b,1,proud,A medal.,1,I won!,,",
    "c,1,angry,Rude.,1,He was rude.,,",
    "c,2,angry,Rude.,1,So rude!,,",
)
BAD = "d,1,bored,Rain.,1,It rains.,,"


def published(folder: Path, *rows: str, name: str = "train.csv") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join([HEADER, *rows]) + "\n")
    return folder


def test_counts_are_printed_for_each_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published(tmp_path, *ROWS)
    published(tmp_path, *ROWS[:2], name="valid.csv")
    line = {"emotion": "sad", "context": ["Hi."], "target": "Hello."}
    (tmp_path / "test_examples.jsonl").write_text(json.dumps(line) + "\n")
    assert check_data(tmp_path, None, skip=False)
    train, valid, examples = capsys.readouterr().out.splitlines()
    assert train == (
        f"{tmp_path}/train.csv: 3 conversations, 2 examples, 1 without a reply, which give no "
        "example, 1 with two turns in a row of one person, read in turns"
    )
    assert valid == f"{tmp_path}/valid.csv: 1 conversations, 1 examples"
    assert examples == f"{tmp_path}/test_examples.jsonl: 1 examples"


def test_json_lines_hold_what_the_rows_hold(tmp_path: Path) -> None:
    source, out = published(tmp_path / "ed", *ROWS), tmp_path / "new" / "json"
    assert check_data(source, out, skip=False)
    assert [path.name for path in out.iterdir()] == ["train.jsonl"]
    assert load_examples(out / "train.jsonl") == load_examples(source / "train.csv")
    assert json.loads((out / "train.jsonl").read_text().splitlines()[0]) == {
        "conv_id": "a",
        "emotion": "sad",
        "situation": "It, broke.",
        "utterances": ["My phone, it broke.", "Oh no!"],
    }


def test_a_file_becomes_a_file(tmp_path: Path) -> None:
    published(tmp_path, *ROWS)
    assert check_data(tmp_path / "train.csv", tmp_path / "all.jsonl", skip=False)
    assert len(load_examples(tmp_path / "all.jsonl")) == 2


def test_json_lines_are_copied_with_every_field(tmp_path: Path) -> None:
    line = {"emotion": "sad", "utterances": ["a", "b"], "more": [1, "\ud83d"]}
    (tmp_path / "some.jsonl").write_text(json.dumps(line) + "\n")
    assert check_data(tmp_path / "some.jsonl", tmp_path / "out.jsonl", skip=False)
    assert json.loads((tmp_path / "out.jsonl").read_text()) == line


def test_every_problem_is_named_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published(tmp_path, BAD, *ROWS[:2], "e,1,sad")
    assert not check_data(tmp_path, tmp_path / "out", skip=False)
    first, second, count, nothing = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tmp_path}/train.csv:2: unknown emotion 'bored'")
    assert second.startswith(f"{tmp_path}/train.csv:5: has 3 fields")
    assert count.endswith("1 conversations, 1 examples, 2 problems")
    assert nothing == "nothing is written; mend these lines, or leave them out with --skip"
    assert not list((tmp_path / "out").iterdir())


def test_what_cannot_be_read_can_be_left_out(tmp_path: Path) -> None:
    published(tmp_path, BAD, *ROWS[:2])
    assert check_data(tmp_path, tmp_path / "out", skip=True)
    assert len(load_examples(tmp_path / "out" / "train.jsonl")) == 1


def test_json_lines_come_before_rows(tmp_path: Path) -> None:
    published(tmp_path, BAD)
    line = {"emotion": "sad", "utterances": ["a", "b"]}
    (tmp_path / "train.jsonl").write_text(json.dumps(line) + "\n")
    assert check_data(tmp_path, None, skip=False)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    published(tmp_path, BAD)
    (tmp_path / "train.jsonl").touch()
    with pytest.raises(FileExistsError, match=r"train\.jsonl exists; name another --out"):
        check_data(tmp_path, tmp_path, skip=False)


def test_what_is_no_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no train\.jsonl or train\.csv or valid"):
        check_data(tmp_path, None, skip=False)
    with pytest.raises(FileNotFoundError, match="nothing is at"):
        check_data(tmp_path / "no", None, skip=False)
    (tmp_path / "train.csv").touch()
    with pytest.raises(ValueError, match="holds no dialogue; give JSON lines, or the published"):
        check_data(tmp_path, None, skip=False)


def test_a_file_of_which_nothing_is_left_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("no\n", encoding="utf-8")
    out = tmp_path / "out.jsonl"
    with pytest.raises(ValueError, match="no conversation with a reply is left"):
        check_data(tmp_path / "bad.jsonl", out, skip=True)
    assert not out.exists()
