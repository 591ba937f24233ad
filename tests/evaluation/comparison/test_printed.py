from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from mime_fast.evaluation.comparison import gold as gold_module
from mime_fast.evaluation.comparison.evaluate import evaluate
from mime_fast.evaluation.comparison.options import EvaluateOptions
from mime_fast.evaluation.outputs.files import write_outputs
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.text.examples import load_examples

KEYS = {
    "perplexity_example_mean",
    "perplexity_token_mean",
    "perplexity_predicted_polarity",
    "perplexity_sampled_emotions",
    "unknown_types",
    "emotion_accuracy",
    "polarity_accuracy",
    "bleu_greedy",
    "distinct_1",
    "distinct_2",
    "distinct_replies",
}


@pytest.fixture(autouse=True)
def no_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold_module, "_sentence_encoder", lambda: (None, "not here"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lines = [
        {"context": ["I lost my dog yesterday."], "target": "I am so sorry.", "emotion": "sad"},
        {"context": ["Great!", "Oh?", "A dog."], "target": "Great!", "emotion": "joyful"},
        {"context": ["They lost, again."], "target": "Oh no, what happened?", "emotion": "angry"},
    ]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_a_checkpoint_and_its_saved_outputs_have_the_same_figures(
    tiny_checkpoint: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(
        [tiny_checkpoint], data, EvaluateOptions(save=tmp_path / "saved", samples=2, as_json=True)
    )
    first = json.loads(capsys.readouterr().out)
    saved = tmp_path / "saved" / f"{tiny_checkpoint.name}.jsonl"
    evaluate([saved], data, EvaluateOptions(samples=2, as_json=True))
    assert json.loads(capsys.readouterr().out) == first
    (system,) = first["systems"]
    assert set(system["figures"]) >= KEYS
    assert first["examples"] == 3
    assert first["tests"] == []
    assert len(system["samples"]) == 2
    assert system["absent"].keys() == {"relevance", "right_context"}
    assert system["absent"]["relevance"] == "not here"
    assert len(system["confusion"]) == len(first["emotions"]) == 32


@pytest.fixture
def files(tmp_path: Path, data: Path, outputs: Outputs) -> list[Path]:
    examples = load_examples(data / "test.jsonl")
    other = replace(outputs, system="[other]", costs=None, tokens=None, emotions=None)
    paths = [tmp_path / "one.jsonl", tmp_path / "other.jsonl"]
    for found, path in zip((outputs, other), paths, strict=True):
        write_outputs(found, examples, path)
    return paths


def test_a_table_has_a_column_a_system_and_a_dash_for_what_is_unknown(
    files: list[Path], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(files, data, EvaluateOptions(people=True, samples=9))
    shown = capsys.readouterr().out
    (row,) = [line for line in shown.splitlines() if "perplexity_example_mean" in line]
    assert row.split("│")[1:4] != row.split("│")[2:5]
    assert row.split("│")[3].strip() == "-"
    for text in ("[other]", "references", "people", "less tiny", "i am sorry .", "That is great!"):
        assert text in shown
    assert "[other]: no emotion_accuracy (the file holds no recognised emotions)" in shown
    assert "bleu_topk" not in shown


def test_a_system_alone_is_explained(
    files: list[Path], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(files[:1], data, EvaluateOptions())
    shown = capsys.readouterr().out
    assert "what it is" in shown
    assert "less tiny" not in shown


def test_an_infinite_figure_is_null_in_json(
    files: list[Path], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = files[0].read_text().replace('"cost":5.0', '"cost":1e6')
    files[0].write_text(text)
    evaluate(files, data, EvaluateOptions(as_json=True, baseline="[other]"))
    found = json.loads(capsys.readouterr().out)
    assert found["baseline"] == "[other]"
    assert found["systems"][0]["figures"]["perplexity_example_mean"]["value"] is None
    assert {test["system"] for test in found["tests"]} == {"tiny"}


def test_options_are_checked(files: list[Path], data: Path) -> None:
    with pytest.raises(ValueError, match="tiny holds no 'topk' replies; use one of: greedy, beam"):
        evaluate(files, data, EvaluateOptions(decoding="topk"))
    for decoding in ("nope", "greedy,nope"):
        with pytest.raises(ValueError, match="greedy, beam, topk, mbr, best_of, got 'nope'"):
            evaluate(files, data, EvaluateOptions(decoding=decoding))
    with pytest.raises(ValueError, match=r"--save .* keeps what checkpoints answer; give one"):
        evaluate(files, data, EvaluateOptions(save=data / "saved"))
    assert not (data / "saved").exists()
    with pytest.raises(ValueError, match="--baseline must be one of"):
        evaluate(files, data, EvaluateOptions(baseline="mine"))


def test_one_conversation_says_nothing_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = ["I lost my dog.", "Oh no!", "Yes."]
    lines = [{"context": turns[:n], "target": "Oh.", "emotion": "sad"} for n in (1, 3)]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    examples = load_examples(tmp_path / "test.jsonl")
    paths = []
    for name, replies in (("a", ["i see .", "no ."]), ("b", ["oh .", "oh ."])):
        paths.append(tmp_path / f"{name}.jsonl")
        write_outputs(Outputs(name, {"greedy": replies}), examples, paths[-1])
    evaluate(paths, tmp_path, EvaluateOptions(as_json=True))
    tests = json.loads(capsys.readouterr().out)["tests"]
    assert {test["p_value"] for test in tests} == {1.0}


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_a_narrow_terminal_loses_nothing(
    files: list[Path],
    data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    options = EvaluateOptions(samples=1)
    evaluate(files, data, options)
    wide = capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    evaluate(files, data, options)
    narrow = capsys.readouterr().out
    assert narrow != wide
    if columns < 80:  # where a table fits, long numbers are broken
        assert words(narrow) == words(wide)
    names = {word for word in words(wide) if re.fullmatch("[a-z]+_[a-z_]+", word)}
    assert names
    assert names <= words(narrow)


def words(shown: str) -> set[str]:
    """Words of a table or of blocks, without frames, colons and escape sequences."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    return set(re.sub("[:\u2500-\u257f]", " ", plain).split())
