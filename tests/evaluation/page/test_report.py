"""`mime-fast report` from checkpoints and files."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks import systems_latency
from mime_fast.checkpoint import load
from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.comparison.options import ComparisonOptions
from mime_fast.evaluation.outputs.files import write_outputs
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.evaluation.page.options import PageOptions
from mime_fast.evaluation.page.report import report
from mime_fast.evaluation.page.timings import Speed
from mime_fast.text.examples import Example


@pytest.fixture
def data(examples: list[Example], tmp_path: Path) -> Path:
    lines = [{**asdict(each), "emotion": EMOTIONS[each.emotion]} for each in examples]
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def saved(examples: list[Example], outputs: Outputs, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.jsonl"
    write_outputs(outputs, examples, path)
    return path


def test_a_checkpoint_beside_a_file(
    tiny_checkpoint: Path,
    data: Path,
    saved: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "page.html"
    report([tiny_checkpoint, saved], data, out, ComparisonOptions(), PageOptions())
    assert capsys.readouterr().out == f"wrote {out}\n"
    text = out.read_text("utf-8")
    assert "emotion embedding of paper, with mimicry" in text
    assert "attention of the reply of paper to example 0" in text
    assert "emotions of the reply of paper to example 2" in text
    assert "tiny: outputs do not hold it" in text


def test_weights_that_made_the_outputs(
    tiny_checkpoint: Path,
    data: Path,
    saved: Path,
    examples: list[Example],
    outputs: Outputs,
    tmp_path: Path,
) -> None:
    out = tmp_path / "page.html"
    with pytest.raises(ValueError, match=r"made none of the outputs that are given \(tiny\)"):
        report([saved], data, out, ComparisonOptions(), PageOptions((tiny_checkpoint,)))
    with pytest.raises(ValueError, match="there are none"):
        report([tiny_checkpoint], data, out, ComparisonOptions(), PageOptions((tiny_checkpoint,)))
    made = replace(outputs, facts={**outputs.facts, "weights": load(tiny_checkpoint).digest})
    write_outputs(made, examples, saved)
    report([saved], data, out, ComparisonOptions(), PageOptions((tiny_checkpoint,)))
    assert "attention of the reply of tiny to example 0" in out.read_text("utf-8")


def test_times_of_the_systems(data: Path, saved: Path, tmp_path: Path) -> None:
    times, out = tmp_path / "times.json", tmp_path / "page.html"
    systems_latency.main(["--smoke", "--threads", "1", "--output", str(times)])
    report([saved], data, out, ComparisonOptions(), PageOptions(latency=times))
    text = out.read_text("utf-8")
    for name in systems_latency.SYSTEMS:
        assert f'<th scope="row">{name}</th>' in text
    assert "<td>1.00</td>" in text
    plain = Speed.load(times)
    times.write_bytes(b"\xef\xbb\xbf" + times.read_bytes())
    assert Speed.load(times) == plain


def test_a_page_in_a_folder_that_is_yet_to_be_made(data: Path, saved: Path, tmp_path: Path) -> None:
    report([saved], data, tmp_path / "a" / "b" / "page.html", ComparisonOptions(), PageOptions())
    assert (tmp_path / "a" / "b" / "page.html").stat().st_size > 0


def test_times_that_are_no_text_are_not_repeated(data: Path, saved: Path, tmp_path: Path) -> None:
    times = tmp_path / "times.json"
    times.write_bytes(b"\xff" * 5000)
    with pytest.raises(ValueError, match=r"times\.json is not UTF-8") as caught:
        report(
            [saved], data, tmp_path / "page.html", ComparisonOptions(), PageOptions(latency=times)
        )
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rows": [{"threads": 1}]}', '{"rows": 3}'])
def test_times_of_another_form(content: str, data: Path, saved: Path, tmp_path: Path) -> None:
    times = tmp_path / "times.json"
    times.write_text(content)
    with pytest.raises(ValueError, match=r"--latency .*times.json is not of the form of"):
        report(
            [saved], data, tmp_path / "page.html", ComparisonOptions(), PageOptions(latency=times)
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [("median_ms", 0), ("p90_ms", -1), ("p10_ms", math.nan), ("threads", 0), ("median_ms", 1e999)],
)
def test_times_that_are_none(
    name: str, value: float, data: Path, saved: Path, tmp_path: Path
) -> None:
    row = {"threads": 1, "contestant": "mime", "group": "reply"}
    row |= {"median_ms": 1.0, "p10_ms": 1.0, "p90_ms": 1.0, name: value}
    document = {"rows": [row], "machine": {"cpu": "one"}, "workload": "some", "commit": "c"}
    times = tmp_path / "times.json"
    times.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"--latency .*times.json: reply of mime must take"):
        report(
            [saved], data, tmp_path / "page.html", ComparisonOptions(), PageOptions(latency=times)
        )


def test_refusals(data: Path, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="examples must be an integer >= 1, got 0"):
        PageOptions(examples=0)
    with pytest.raises(OSError, match="is a folder; name a file in it"):
        report([saved], data, tmp_path, ComparisonOptions(), PageOptions())
    content = saved.read_bytes()
    for read in (saved, data):
        with pytest.raises(ValueError, match="is what the page is made of; name another file"):
            report([saved], data, read, ComparisonOptions(), PageOptions())
    with pytest.raises(OSError, match=r"page\.html cannot be written .Not a dir"):
        report([saved], data, saved / "page.html", ComparisonOptions(), PageOptions())
    with pytest.raises(FileNotFoundError, match=r"none\.json is no file; make one: `python"):
        report(
            [saved],
            data,
            tmp_path / "p.html",
            ComparisonOptions(),
            PageOptions(latency=tmp_path / "none.json"),
        )
    assert saved.read_bytes() == content
