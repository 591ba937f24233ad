"""What of `make gpu` can be run without a GPU, so that nothing small stops it where one is."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from benchmarks import results
from benchmarks.conftest import write_rows
from benchmarks.gpu import build, check_kernel, plan
from benchmarks.gpu.__main__ import always_built
from benchmarks.gpu.bare_package import ROOT
from benchmarks.gpu.build import Build
from benchmarks.gpu.contestants import same_tokens
from benchmarks.gpu.journal import Journal
from benchmarks.gpu.kernel_cases import MAKERS, cases, model_config
from benchmarks.gpu.measured import save_floors, save_rows
from benchmarks.gpu.names import LOSSY
from benchmarks.gpu.plan import Item
from benchmarks.gpu.processes import PYTEST, TIMED_OUT, TRACE, run_limited, variables
from benchmarks.gpu.runner import Runner
from benchmarks.gpu.table import short_table
from benchmarks.harness import Row, summarise
from benchmarks.peers import OURS, Contestant
from benchmarks.report import build_page

GPU = {"name": "NVIDIA H200", "driver": "580.1", "memory_gb": 151}
ROW = summarise("greedy reply", OURS, 1, [1e-3], equal=1).to_dict()


def measured() -> dict[str, Any]:
    rows = [
        summarise(group, name, 1, [seconds], floor_ms=0.1, equal=1).to_dict()
        for name, factor in ((OURS, 1), (LOSSY[0], 0.5), ("PyTorch eager", 10))
        for group, seconds in (("greedy reply", 5e-4), ("batch of 256", 1e-3 * factor))
    ]
    floors = {"threads": 1, "instructions": "NVIDIA H200", "peak_per_core": {"float32": 5e13}}
    floors["read"] = [[5e5, 1e12], [5e8, 4e12]]
    return results.assemble([{"floors": floors, "rows": rows}], "1a2b", quick=False, gpu=GPU)


def test_the_file_names_the_gpu() -> None:
    whole = measured()
    assert whole["machine"]["gpu"] == GPU
    assert "cpu" in whole["machine"]
    assert results.path_of(whole).name.startswith("nvidia-h200-")
    assert "gpu" not in results.assemble([], "1a2b", quick=True)["machine"]


def test_the_page_names_the_gpu() -> None:
    page = build_page(measured(), [])
    assert "name NVIDIA H200, driver 580.1, memory_gb 151" in page
    assert f"May differ: {LOSSY[0]}." in page
    assert "thread</h3>" not in page


def test_the_table_has_everybody_and_the_goals() -> None:
    head, *lines = short_table(measured()).splitlines()
    assert "greedy, ms" in head
    assert [line.split()[-1] for line in lines] == [
        *("256,000", "512,000", "25,600"),
        *("100,000", "350,000"),
    ]
    assert lines[0].split()[:2] == [OURS, "0.500"]
    assert lines[-1].startswith("goal: target")


def test_the_table_has_the_replies_of_mime_base() -> None:
    whole = measured()
    row = summarise("mime-base: greedy reply", OURS, 1, [2e-3], equal=False).to_dict()
    whole["rows"].append(row)
    lines = [line.split() for line in short_table(whole).splitlines()]
    assert lines[6][0] == "mime-base"
    assert lines[7][-4:] == ["(wrong)", "2.000", "-", "-"]
    assert [line[2] for line in lines[8:]] == ["1.500", "0.600"]
    assert "(wrong)" not in lines[1]


def test_a_kernel_that_is_wrong_is_timed_and_marked(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "gpu-first", rehearsed=True)
    check = {"op": "embed", "case": "embed", "weights": "float32", "passed": False}
    journal.add("check embed", "FAILED (1)", 1, {"checks": [check]})
    rows = [
        summarise(f"kernel: {name}", "float32", 1, [2e-6], x=1, extra={"cold_ms": 4e-3}).to_dict()
        for name in ("embed", "fusion")
    ]
    journal.add("time embed", "passed", 1, {"rows": rows})
    assert [row.get("equal") for row in journal.document["rows"]] == [False, None]
    lines = short_table(journal.document).splitlines()
    assert lines[-2].split() == ["embed", "x", "1,", "float32", "(wrong)", "2.0", "4.0", "-"]


@pytest.mark.parametrize(
    ("agreement", "tokens", "equal"),
    [("exact", [1, 2], 1), ("exact", [1, 3], False), ("exact", [1], False), ("lossy", [1, 3], 0.5)],
)
def test_wrong_tokens_are_marked(agreement: str, tokens: list[int], equal: float | bool) -> None:
    contestant = Contestant("one", lambda *_: None, agreement)
    assert same_tokens(contestant, [tokens], [[1, 2]])[0] == equal
    row = Row(
        group="greedy reply",
        contestant="one",
        threads=1,
        median_ms=1,
        p10_ms=1,
        p90_ms=1,
        rounds=1,
        equal=False,
    ).to_dict()
    assert row["equal"] is False


@pytest.mark.parametrize("op", [*plan.OPS, *plan.BASE_OPS])
def test_inputs_are_the_same_for_the_same_seed(op: str) -> None:
    """A kernel and its twin get inputs that were made twice."""
    assert MAKERS.keys() == {*plan.OPS, *plan.BASE_OPS}
    made = [cases(op, model_config(tiny=True), torch.float32, 2, 3) for _ in range(2)]
    pairs = zip(*made, strict=True)
    for one, other in pairs:
        assert one.moved > 0
        assert one.name == other.name
        for ours, theirs in zip(one.arguments, other.arguments, strict=True):
            if isinstance(ours, torch.Tensor):
                torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("op", [*plan.OPS, *plan.BASE_OPS])
def test_every_kernel_passes_its_check(op: str) -> None:
    with torch.inference_mode():
        found = list(check_kernel.checks(op, torch.float32, torch.device("cpu"), tiny=True))
    assert found
    assert [check for check in found if not check["passed"]] == []


def test_every_suite_and_every_test_is_run() -> None:
    """A new file must be named in the plan."""
    suites = {path.name for path in plan.HERE.glob("test_*.py")}
    assert suites == {*plan.HEADLINES, *plan.BASE_HEADLINES, *plan.PEERS, *plan.SWEEPS}
    second = plan.second_part("compute-sanitizer", Path("gpu_device_search"))
    named = {item.arguments[1].split("::")[0] for item in second if item.arguments[0] == "pytest"}
    tests = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "gpu").glob("test_*.py")}
    assert tests < named
    assert [item.name for item in second if item.program] == [
        *("C++ test", "C++ test, memcheck", "C++ test, racecheck"),
    ]
    names = [item.name for item in [*plan.first_part(), *second]]
    assert len(names) == len(set(names))
    assert set(plan.QUICK) < set(names)


def test_pytest_finds_every_test() -> None:
    chosen = [*plan.first_part(), *plan.second_part(None, Path("none"))]
    tests = [item.arguments[1] for item in chosen if item.arguments[0] == "pytest"]
    command = [*PYTEST, "--collect-only", *tests, "--device", "cpu"]
    found = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT, env=variables("cpu")
    ).stdout
    assert all(name in found for name in tests)


def test_without_a_gpu_it_says_so() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    command = [sys.executable, "-m", "benchmarks.gpu"]
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 1
    assert "make gpu needs an NVIDIA GPU" in result.stderr
    assert "--device cpu rehearses it" in result.stderr


def program(name: str, code: str, limit: float = 20, *, together: bool = False) -> Item:
    """An item that runs Python code instead of benchmarks.gpu.item."""
    command = (sys.executable, "-c", code)
    return Item(name, command, limit, built=False, together=together, program=True)


LEAVE_ROWS = (
    "import json, os, pathlib\n"
    f"pathlib.Path(os.environ['MIME_FAST_GPU_ROWS']).write_text(json.dumps({{'rows': [{ROW}]}}))\n"
)
HANG = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"


def test_an_item_that_fails_costs_itself_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash, a hang that ignores interrupts, and an error: what they measured before is kept."""
    monkeypatch.setattr("benchmarks.gpu.processes.PATIENCE", 0.5)
    monkeypatch.setenv("MIME_FAST_COMMIT", "abcdef")
    journal = Journal(tmp_path / "out", "gpu-first", rehearsed=True)
    runner = Runner(journal, always_built, "cpu", tmp_path, 100, 2)
    crash = f"{LEAVE_ROWS}\nos.kill(os.getpid(), 11)"
    runner.run(
        [
            program("crash", crash),
            program("hang", LEAVE_ROWS + HANG, 3),
            program("error", "print('what it printed'); 1 / 0", together=True),
            program("beside", "print('fine')", together=True),
            program("turn", "import sys; assert sys.stdin.readline() == '\\n'"),
        ]
    )
    journal.close(tmp_path / TRACE)
    outcomes = {item["name"]: item["outcome"] for item in journal.document["items"]}
    assert outcomes == {
        "crash": "FAILED (-11)",
        "hang": "STOPPED after 3 s",
        "error": "FAILED (1)",
        "beside": "passed",
        "turn": "passed",
    }
    assert journal.failed
    written = results.read(tmp_path / "out" / "gpu-first.json")
    assert written["rows"] == [ROW, ROW]
    assert written["commit"] == "abcdef"
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert "what it printed" in (tmp_path / "out" / "gpu-first.log").read_text()
    assert len(list((tmp_path / "out").iterdir())) <= 4  # two parts leave at most eight files


def test_measurements_that_cannot_be_read_cost_their_item_only(tmp_path: Path) -> None:
    """A process that is killed while it writes leaves half a file."""
    change = f"{LEAVE_ROWS}path = pathlib.Path(os.environ['MIME_FAST_GPU_ROWS'])\n"
    halve = f"{change}path.write_text(path.read_text()[:40])\n"
    journal = Journal(tmp_path, "gpu-first", rehearsed=True)
    Runner(journal, always_built, "cpu", tmp_path, 100, 2).run(
        [
            program("half", halve),
            program("crash", f"{halve}os.kill(os.getpid(), 11)"),
            program("list", f"{change}path.write_text('[]')"),
            program("next", LEAVE_ROWS),
        ]
    )
    assert [item["outcome"] for item in journal.document["items"]] == [
        *("FAILED (no measurements)", "FAILED (-11)", "FAILED (no measurements)", "passed"),
    ]
    assert journal.document["rows"] == [ROW]
    log = (tmp_path / "gpu-first.log").read_text()
    assert "== half\nits measurements cannot be read: " in log
    assert "== list\nits measurements cannot be read: expected an object, got list" in log


def test_what_an_item_measured_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is replaced, not written again: one that was opened before still has all of it."""
    monkeypatch.setenv("MIME_FAST_GPU_FOLDER", str(tmp_path))
    monkeypatch.setenv("MIME_FAST_GPU_ROWS", str(tmp_path / "rows.json"))
    options = {"--rows": tmp_path / "suite.json"}
    config = cast(pytest.Config, SimpleNamespace(getoption=options.get, stash=pytest.Stash()))
    writers: dict[str, Callable[[], None]] = {
        "rows.json": lambda: save_rows([], checks=[]),
        "floors.json": lambda: save_floors({"read": []}),
        "suite.json": lambda: write_rows(config),
    }
    for name, write in writers.items():
        write()
        with (tmp_path / name).open() as before:
            write()
            assert json.load(before)
            assert os.fstat(before.fileno()).st_nlink == 0  # no name leads to it any more


def test_results_are_there_while_the_next_item_runs(tmp_path: Path) -> None:
    """A machine may be taken away at any time."""
    path = tmp_path / "gpu-first.json"
    look = f"import json; print(json.load(open({str(path)!r}))['items'])"
    journal = Journal(tmp_path, "gpu-first", rehearsed=True)
    Runner(journal, always_built, "cpu", tmp_path, 100, 2).run(
        [program("first", "", together=True), program("second", look)]
    )
    assert "'name': 'first', 'outcome': 'passed'" in (tmp_path / "gpu-first.log").read_text()


def test_what_there_is_no_time_for_is_named(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "gpu-first", rehearsed=True)
    Runner(journal, always_built, "cpu", tmp_path, 0.1, 2).run([program("late", "")])
    assert journal.document["items"][0]["outcome"] == "not run: no time is left"
    assert journal.failed


def test_a_build_that_fails_stops_only_those_that_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "raise SystemExit('no compiler')"
    monkeypatch.setattr(build, "commands", lambda _: [[sys.executable, "-c", code]])
    making = Build(None, tmp_path / "build.log")
    making.start()
    journal = Journal(tmp_path, "gpu-first", rehearsed=True)
    needs = Item("needs", (sys.executable, "-c", ""), 20, program=True)
    Runner(journal, making.wait, "cpu", tmp_path, 60, 2).run([program("bare", ""), needs])
    outcomes = [item["outcome"] for item in journal.document["items"]]
    assert outcomes == ["passed", "not run: the extension was not built"]
    assert "no compiler" in (tmp_path / "build.log").read_text()


BARE = """
import io, sys
from benchmarks.gpu import item
sys.stdin = io.StringIO("\\n")
try:
    item.main(*sys.argv[1:])
except SystemExit as error:
    assert error.code == 0, error.code
assert "hypothesis" not in sys.modules
assert "mime_fast._C" not in sys.modules
"""


def test_kernels_are_checked_without_extension_or_history(tmp_path: Path) -> None:
    """While it is built; in a copy of the files, as a machine with a GPU has it."""
    copy = tmp_path / "copy"
    skipped = shutil.ignore_patterns(
        *("*.so", "pretrained", "results", "__pycache__", "*.xz", "csrc", "engines", "training")
    )
    for name in ("benchmarks", "kernels", "mime_fast", "tests"):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=skipped)
    environment = variables("cpu", tmp_path) | {"MIME_FAST_GPU_ROWS": str(tmp_path / "rows")}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-c", BARE, "check_kernel", "embed"]
    subprocess.run(command, check=True, cwd=copy, env=environment, stdout=subprocess.DEVNULL)
    checks = json.loads((tmp_path / "rows").read_text())["checks"]
    assert [check["passed"] for check in checks] == [True, True]


def test_a_step_that_takes_too_long_may_write_what_it_has(tmp_path: Path) -> None:
    written = tmp_path / "rows"
    code = (
        "import pathlib, sys, time\n"
        "try:\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    pathlib.Path(sys.argv[1]).touch()"
    )
    command = [sys.executable, "-c", code, str(written)]
    assert run_limited(command, 2, dict(os.environ)) == TIMED_OUT
    assert written.exists()


def test_what_a_process_started_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves a child that ignores interrupts, and ends at the first one."""
    monkeypatch.setattr("benchmarks.gpu.processes.PATIENCE", 0.5)
    heart = tmp_path / "heart"
    child = (
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "for _ in range(2000):\n    pathlib.Path(sys.argv[1]).touch()\n    time.sleep(0.01)"
    )
    code = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', *sys.argv[1:]])\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", code, child, str(heart)]
    assert run_limited(command, 3, dict(os.environ)) == TIMED_OUT
    heart.unlink()
    time.sleep(0.2)
    assert not heart.exists()
