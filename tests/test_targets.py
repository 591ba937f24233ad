"""Every command that writes checks its target before it reads anything."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mime_fast import checkpoint
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.cli import main
from mime_fast.evaluation.outputs.files import check_outputs_target, write_outputs
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.text.examples import load_examples
from tests.limits import limit_file_size

Command = Callable[..., str]
Mount = Callable[..., Path]

NO_DATA = "no-data"  # whoever reads it before the target is checked names it
WRITERS = {
    "train": ("train", "--data", NO_DATA, "--out"),
    "teach": ("teach", "--data", NO_DATA, "--out"),
    "report": ("report", "--data", NO_DATA, "--out"),
    "convert": ("convert", "no-source", "--vocabulary", "no-words"),
    "annotate": ("annotate", "no-outputs", "--data", NO_DATA, "--database"),
    "data": ("data", "some.jsonl", "--out"),
    "record": ("record", "--data", NO_DATA, "--teacher", "no-teacher", "--out"),
}
# They write a folder with the state of the run.
RUNS = ("finetune", "learn")
# They write a file in a checkpoint.
TABLES = {"draft": "drafts.safetensors", "relevance": "relevance.safetensors"}
LINE = json.dumps({"emotion": "sad", "utterances": ["I lost my dog.", "I am sorry."]}) + "\n"


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command that fails in a folder of its own; returns the one line that it prints."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def call(*arguments: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["mime-fast", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        line = caught.value.code
        assert isinstance(line, str), capsys.readouterr()  # Python prints it, and exits with 1
        assert "\n" not in line
        return line

    return call


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("/proc/x", r"/proc/x\S* cannot be written (No such file or directory)"),
        ("/sys/x", "/sys/x cannot be written"),
        ("file/x", "file/x cannot be written (Not a directory)"),
        ("x" * 250, "cannot be written (File name too long); give a shorter name"),
    ],
)
def test_a_target_that_cannot_be_written_is_named_first(
    command: Command, writer: tuple[str, ...], target: str, named: str
) -> None:
    Path("file").touch()
    Path("some.jsonl").write_text(LINE)
    if len(target) == 250:
        target += "x" * 6  # 255 are allowed
    line = command(*writer, target)
    assert named.replace(r"\S*", "") in line
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["file", "some.jsonl"]


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_read_only_file_system_is_named_first(
    command: Command, mount: Mount, writer: tuple[str, ...]
) -> None:
    Path("some.jsonl").write_text(LINE)
    assert "(Read-only file system); name another place" in command(*writer, mount("ro") / "x")


@pytest.mark.parametrize("writer", RUNS)
@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("/proc/x", "/proc/x cannot be a folder (No such file or directory); name another"),
        ("file/x", "file/x cannot be a folder (Not a directory); name another"),
        ("file", "file cannot be a folder (File exists); name another"),
        ("x" * 256, "cannot be a folder (File name too long); name another"),
    ],
)
def test_a_folder_of_a_run_that_cannot_be_is_named_first(
    command: Command, capsys: pytest.CaptureFixture[str], writer: str, target: str, named: str
) -> None:
    Path("file").touch()
    assert named in command(writer, "--data", NO_DATA, "--out", target)
    assert capsys.readouterr() == ("", "")  # no bar before the error
    assert [path.name for path in Path.cwd().iterdir()] == ["file"]


@pytest.mark.parametrize("writer", RUNS)
def test_a_run_on_a_read_only_file_system_is_named_first(
    command: Command, mount: Mount, writer: str
) -> None:
    line = command(writer, "--data", NO_DATA, "--out", mount("ro") / "x")
    assert "x cannot be a folder (Read-only file system); name another" in line


@pytest.mark.parametrize("writer", ["train", *RUNS])
def test_no_bar_precedes_an_error_of_the_data(
    command: Command, capsys: pytest.CaptureFixture[str], writer: str
) -> None:
    assert NO_DATA in command(writer, "--data", NO_DATA, "--out", "run")
    assert capsys.readouterr() == ("", "")


def test_the_name_of_the_state_of_a_run_counts(command: Command) -> None:
    line = command("train", "--data", NO_DATA, "--out", "x" * 240)
    assert "training.safetensors cannot be written (File name too long)" in line


@pytest.mark.parametrize("writer", ["teach", "report", "annotate", "data", "convert", "train"])
@pytest.mark.parametrize("target", ["folder", ".", ".."])
def test_a_folder_that_is_in_the_way_is_named_first(
    command: Command, writer: str, target: str
) -> None:
    Path("folder").mkdir()
    Path("folder", "mine").touch()
    Path("some.jsonl").write_text(LINE)
    line = command(*WRITERS[writer], target)
    assert re.search("name a (new|file|folder)|name another", line)
    assert NO_DATA not in line
    assert Path("folder", "mine").exists()


@pytest.mark.parametrize("target", [".", "..", "/", "a/..", ""])
def test_a_folder_without_a_name_becomes_no_checkpoint(command: Command, target: str) -> None:
    line = command("train", "--data", NO_DATA, "--out", target)
    assert "cannot be replaced by a checkpoint; name a folder in it, such as --out" in line


def test_the_folder_that_one_is_in_becomes_no_checkpoint(command: Command) -> None:
    for arguments in (("train", "--data", NO_DATA, "--out"), WRITERS["convert"]):
        line = command(*arguments, Path.cwd())
        assert "is the folder that you are in, or above it, and cannot be replaced" in line


def test_a_mount_point_becomes_no_checkpoint(mount: Mount) -> None:
    with pytest.raises(CheckpointError, match="is a mount point, which cannot be replaced; name"):
        checkpoint.check_target(mount("size=1m"))


def test_a_checkpoint_on_a_full_disk_is_not_begun(mount: Mount) -> None:
    folder = mount("size=1m")
    checkpoint.check_target(folder / "model", 500_000)
    with pytest.raises(OSError, match=r"3\.0 MB are needed, 1\.0 MB are free"):
        checkpoint.check_target(folder / "model", 3_000_000)


def test_evaluate_checks_where_outputs_are_saved(command: Command, tiny_checkpoint: Path) -> None:
    evaluate = ("evaluate", tiny_checkpoint, "--data", NO_DATA, "--save")
    assert "/proc/x cannot be a folder" in command(*evaluate, "/proc/x")
    Path("file").touch()
    assert "file cannot be a folder (File exists)" in command(*evaluate, "file")
    Path("saved", "paper.jsonl").mkdir(parents=True)
    assert "saved/paper.jsonl is a folder; name a file in it" in command(*evaluate, "saved")
    Path("mine").mkdir()
    Path("mine", "paper.jsonl").write_text(LINE)
    line = "mine/paper.jsonl holds no outputs; move it, or name another folder"
    assert line in command(*evaluate, "mine")
    assert Path("mine", "paper.jsonl").read_text() == LINE


def test_outputs_may_replace_outputs(tmp_path: Path) -> None:
    (tmp_path / "examples.jsonl").write_text(LINE)
    examples = load_examples(tmp_path / "examples.jsonl")
    path = tmp_path / "new" / "ours.jsonl"
    check_outputs_target(path)
    write_outputs(Outputs("ours", {"greedy": ["i see"]}), examples, path)
    check_outputs_target(path)


def test_annotate_names_a_database_that_is_not_there_first(command: Command) -> None:
    line = command("annotate", "no-outputs", "--data", NO_DATA, "--database", "no", "--results")
    assert line == ("mime-fast: no database at no; collect votes first, or give another --database")


@pytest.mark.parametrize(("command_name", "table"), TABLES.items())
def test_the_table_of_a_checkpoint_is_checked_first(
    command: Command, tiny_checkpoint: Path, mount: Mount, command_name: str, table: str
) -> None:
    write = (command_name, "--data", NO_DATA, "--checkpoint")
    assert "no checkpoint directory at nothing" in command(*write, "nothing")
    assert not Path("nothing").exists()
    shutil.copytree(tiny_checkpoint, "model")
    Path("model", table).mkdir()
    assert f"model/{table} is a folder; name a file in it" in command(*write, "model")
    folder = mount("size=1m")
    shutil.copytree(tiny_checkpoint, folder / "model")
    Path(folder, "model", "model.safetensors").write_bytes(b"damaged")  # it is not read first
    os.system(f"mount -o remount,ro {folder}")  # noqa: S605 - a folder of this test
    assert f"{table} cannot be written (Read-only" in command(*write, folder / "model")


def test_draft_says_when_the_table_does_not_fit(command: Command, tiny_checkpoint: Path) -> None:
    shutil.copytree(tiny_checkpoint, "model")
    Path("train.jsonl").write_text(LINE * 40)
    with limit_file_size(100):
        line = command("draft", "--data", "train.jsonl", "--checkpoint", "model")
    assert "drafts.safetensors cannot be written (File too large), nothing is written" in line
    assert sorted(path.name for path in Path("model").iterdir()) == sorted(
        path.name for path in tiny_checkpoint.iterdir()
    )


def test_draft_refuses_a_negative_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["mime-fast", "draft", "--data", "x", "--count", "-1"])
    with pytest.raises(SystemExit, match="count must be an integer >= 0, got -1"):
        main()


@pytest.mark.parametrize("arguments", [("data", "some.jsonl"), ("--help",)])
def test_standard_output_that_is_full_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "some.jsonl").write_text(LINE)
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "mime_fast.cli", *arguments],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == (
        "mime-fast: standard output cannot be written (No space left on device); "
        "the rest of it is lost\n"
    )


def test_a_file_that_cannot_be_read_is_named(command: Command) -> None:
    Path("train.jsonl").mkdir()
    Path("line\nfeed.jsonl").mkdir()
    line = command("evaluate", "train.jsonl", "--data", "x" * 300)
    assert "File name too long" in line
    assert "[Errno" not in line
    assert "nothing is at no feed; give" in command("data", "no\nfeed")
