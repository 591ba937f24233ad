from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mime_fast import cli
from mime_fast.evaluation.outputs.files import write_outputs
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.text.examples import load_examples


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lines = [
        {"context": ["I lost my dog yesterday."], "target": "I am so sorry.", "emotion": "sad"},
        {"context": ["It is great!"], "target": "Great!", "emotion": "joyful"},
        {"context": ["They lost, again."], "target": "Oh no, what happened?", "emotion": "angry"},
    ]
    (tmp_path / "test_examples.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["mime-fast", "evaluate", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    if caught.value.code:
        raise RuntimeError(caught.value.code)


def test_a_checkpoint_beside_a_file(
    tiny_checkpoint: Path,
    outputs: Outputs,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = data / "tiny.jsonl"
    write_outputs(outputs, load_examples(data / "test_examples.jsonl"), file)
    arguments = (tiny_checkpoint, file, "--data", data, "--baseline", "tiny", "--decoding", "beam")
    run(monkeypatch, *arguments, "--save", data / "saved", "--people", "--json")
    found = json.loads(capsys.readouterr().out)
    names = [system["system"] for system in found["systems"]]
    assert names == [tiny_checkpoint.name, "tiny", "references"]
    assert [system["decoding"] for system in found["systems"]] == ["beam", "beam", "people"]
    assert {test["system"] for test in found["tests"]} == {tiny_checkpoint.name, "references"}
    assert [path.stem for path in (data / "saved").iterdir()] == [tiny_checkpoint.name]


def test_a_checkpoint_answers_only_as_it_is_compared(
    tiny_checkpoint: Path,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(monkeypatch, tiny_checkpoint, "--data", data, "--decoding", "mbr,greedy", "--json")
    [alone] = json.loads(capsys.readouterr().out)["systems"]
    saved = ("--save", data / "saved")
    run(monkeypatch, tiny_checkpoint, "--data", data, "--decoding", "mbr", *saved, "--json")
    [every] = json.loads(capsys.readouterr().out)["systems"]
    assert alone["decoding"] == every["decoding"] == "mbr"
    missing = {
        f"{name}_{way}" for name in ("bleu", "bleu_13a") for way in ("greedy", "beam", "topk")
    }
    assert every["figures"].keys() - alone["figures"].keys() == missing
    for name, figure in alone["figures"].items():
        assert figure == every["figures"][name]


def test_people_are_called_as_no_system_is(
    outputs: Outputs, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = data / "tiny.jsonl"
    examples = load_examples(data / "test_examples.jsonl")
    write_outputs(replace(outputs, system="references"), examples, file)
    with pytest.raises(RuntimeError, match="--people adds a system called 'references'"):
        run(monkeypatch, file, "--data", data, "--people")


def test_an_error_is_one_line_that_names_the_file(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match=r"mime-fast: .*test_examples\.jsonl:1"):
        run(monkeypatch, data / "test_examples.jsonl", "--data", data)
