"""`mime-fast annotate`: its files, its options, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from socket import gethostname

import pytest

from mime_fast.evaluation.human.command import _url, read_plan
from mime_fast.evaluation.human.plan import Plan
from mime_fast.evaluation.human.verdict import Scores, Vote
from mime_fast.evaluation.human.votes import VoteStore

NAMES = ("plum-system", "kiwi-system", "fig-system")


def outputs(folder: Path) -> list[Path]:
    return [folder / f"{name}.jsonl" for name in NAMES]


def plan_of(folder: Path, **options: object) -> Plan:
    return read_plan(outputs(folder), folder / "examples.jsonl", contexts=32, **options)  # type: ignore[arg-type]


def run(folder: Path, database: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, "-m", "mime_fast.cli", "annotate"]
    command += outputs(folder)
    places: list[str | Path] = [
        "--data",
        folder / "examples.jsonl",
        "--database",
        database,
        "--contexts",
        "32",
    ]
    return subprocess.run(
        [*command, *places, *options], capture_output=True, text=True, check=False
    )


def test_files_are_one_evaluation(files: Path, plan: Plan) -> None:
    assert plan_of(files) == plan


def test_systems_and_pairs_are_chosen(files: Path) -> None:
    plan = plan_of(files, systems=["fig-system", "plum-system"])
    assert list(plan.texts) == ["fig-system", "plum-system"]
    assert plan.pairs == (("fig-system", "plum-system"),)
    plan = plan_of(files, pairs=["kiwi-system:fig-system"])
    assert plan.pairs == (("kiwi-system", "fig-system"),)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"systems": ["apple"]}, "no file holds the system 'apple'; use some of plum-system, "),
        ({"systems": ["plum-system"] * 2}, "system 'plum-system' is there 2 times"),
        ({"pairs": ["plum-system"]}, "--pair must be FIRST:SECOND, of plum-system, .*'plum-sy"),
        ({"pairs": ["plum-system:apple"]}, "--pair must be FIRST:SECOND"),
        ({"decoding": "topk"}, "plum-system holds no 'topk' replies; use one of: greedy, beam"),
    ],
)
def test_a_wrong_choice_is_an_error(files: Path, options: dict[str, object], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        plan_of(files, **options)


def test_files_of_other_examples_are_an_error(files: Path, tmp_path: Path) -> None:
    lines = (files / "examples.jsonl").read_text().splitlines(keepends=True)
    for changed in (lines[:-1], lines[::-1]):
        (tmp_path / "examples.jsonl").write_text("".join(changed))
        with pytest.raises(ValueError, match=r"plum-system\.jsonl:1 answers 96 other examples"):
            read_plan(outputs(files), tmp_path / "examples.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ValueError, match="empty"):
        read_plan([tmp_path / "empty.jsonl"], files / "examples.jsonl")


def test_results_are_printed(files: Path, plan: Plan, tmp_path: Path) -> None:
    database = tmp_path / "votes.sqlite"
    store = VoteStore(database, plan)
    store.add(Vote(plan.ratings()[0], "ann", Scores(5, 4, 3)), NAMES[0])
    store.close()
    done = run(files, database, "--results")
    assert (done.returncode, done.stderr) == (0, "")
    assert "5.00 [5.00, 5.00]" in done.stdout
    found = json.loads(run(files, database, "--json").stdout)
    assert found["annotators"]["ann"]["ratings"] == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--results", "--seed", "1"], "another evaluation; what differs: contexts"),
        (["--port", "99999"], "port must be in [0, 65535], got 99999; 0 takes a free one"),
        (["--contexts", "33"], "contexts must be a multiple of 32"),
    ],
)
def test_an_error_is_one_line(
    files: Path, plan: Plan, tmp_path: Path, options: list[str], error: str
) -> None:
    VoteStore(tmp_path / "votes.sqlite", plan).close()
    done = run(files, tmp_path / "votes.sqlite", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("mime-fast: ")
    assert done.stderr.count("\n") == 1
    assert error in done.stderr


def test_results_need_votes(files: Path, tmp_path: Path) -> None:
    done = run(files, tmp_path / "none.sqlite", "--results")
    assert "no database at" in done.stderr
    assert not (tmp_path / "none.sqlite").exists()


def test_it_needs_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; import mime_fast.evaluation.human.command; "
        "assert 'mime_fast.training' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_dependency_names_the_extra(tmp_path: Path) -> None:
    code = "import sys; sys.modules['fastapi'] = None; from mime_fast import cli; cli.main()"
    options = ["x.jsonl", "--data", "examples.jsonl", "--database", "votes.sqlite"]
    command = [sys.executable, "-c", code, "annotate", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "pip install 'mime-fast[annotate]'" in done.stderr


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("localhost", "http://localhost:80"),
        ("0.0.0.0", f"http://{gethostname()}:80"),  # noqa: S104
        ("::", f"http://{gethostname()}:80"),
    ],
)
def test_the_address_can_be_opened(host: str, url: str) -> None:
    assert _url(host, 80) == url
