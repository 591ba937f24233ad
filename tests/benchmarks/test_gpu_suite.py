"""What of the GPU's suite can be run without one, so that nothing small stops it where one is."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import results
from benchmarks.gpu.__main__ import Steps
from benchmarks.gpu.kernel_cases import decoder_cases, encoder_cases
from benchmarks.gpu.names import LOSSY
from benchmarks.gpu.processes import PYTEST, ROOT, TIMED_OUT, run_limited, variables
from benchmarks.gpu.run import HERE, SUITES
from benchmarks.gpu.table import short_table
from benchmarks.gpu.timing import seconds_a_launch
from benchmarks.harness import summarise
from benchmarks.peers import OURS
from benchmarks.report import build_page
from benchmarks.workload import BEAMS, random_checkpoint
from mime_fast.engines.cuda import CudaEngine

GPU = {"name": "NVIDIA H200", "driver": "580.1", "memory_gb": 151}


def measured() -> dict[str, Any]:
    rows = [
        summarise(group, name, 1, [seconds], floor_ms=0.1, equal=1).to_dict()
        for name, factor in ((OURS, 1), (LOSSY[0], 0.5), ("PyTorch eager", 10))
        for group, seconds in (("greedy reply", 5e-4), ("batch of 256", 1e-3 * factor))
    ]
    floors = {"threads": 1, "instructions": "NVIDIA H200", "peak_per_core": {"float32": 5e13}}
    floors["read"] = [[5e5, 1e12], [5e8, 4e12]]
    return results.assemble([{"floors": floors, "rows": rows}], "1a2b", quick=False, gpu=GPU)


def test_the_file_tells_the_gpu() -> None:
    whole = measured()
    assert whole["machine"]["gpu"] == GPU
    assert "cpu" in whole["machine"]
    assert results.path_of(whole).name.startswith("nvidia-h200-")
    assert "gpu" not in results.assemble([], "1a2b", quick=True)["machine"]


def test_the_page_tells_the_gpu() -> None:
    page = build_page(measured(), [])
    assert "name NVIDIA H200, driver 580.1, memory_gb 151" in page
    assert f"May differ: {LOSSY[0]}." in page
    assert "thread</h3>" not in page


def test_the_table_has_everybody_and_the_goals() -> None:
    head, *lines = short_table(measured()).splitlines()
    assert "greedy, ms" in head
    assert [line.split()[-1] for line in lines] == [
        *("256,000", "512,000", "25,600"),
        *("100,000", "250,000"),
    ]
    assert lines[0].split()[:2] == [OURS, "0.500"]
    assert lines[-1].startswith("goal: target")


@pytest.mark.parametrize("rows", [1, BEAMS])
def test_every_kernel_is_launched_alone(rows: int) -> None:
    engine = CudaEngine(random_checkpoint(tiny=True), "cpu")
    with torch.inference_mode():
        for case in [*encoder_cases(engine, 1), *decoder_cases(engine, rows)]:
            (seconds,) = seconds_a_launch(case.launch, engine.device, prepare=case.prepare)
            assert seconds > 0
            assert case.moved > 0 or case.name == "beam search"


def test_every_suite_is_run() -> None:
    """Here their order is chosen; a new file must be named."""
    assert sorted(SUITES) == sorted(path.name for path in HERE.glob("test_*.py"))


def test_pytest_finds_every_suite() -> None:
    suites = [str(HERE / suite) for suite in SUITES]
    command = [*PYTEST, "--collect-only", *suites, "--device", "cpu"]
    found = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT, env=variables("cpu")
    ).stdout
    for suite in SUITES:
        assert f"{suite}::" in found


def test_without_a_gpu_it_says_so() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    command = [sys.executable, "-m", "benchmarks.gpu"]
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 1
    assert "make gpu needs an NVIDIA GPU" in result.stderr


def test_a_step_that_fails_does_not_stop_the_next(capfd: pytest.CaptureFixture[str]) -> None:
    def run(code: str, seconds: float = 20) -> int:
        return run_limited([sys.executable, "-c", code], seconds, variables("cpu"))

    steps = Steps()
    assert not steps.run("first", 20, lambda seconds: run("raise SystemExit(3)", seconds))
    assert steps.run("second", 20, lambda seconds: run("print('ran')", seconds))
    steps.skip("third", "not here", passed=True)
    code = [sys.executable, "-c", "print('at the same time')"]
    steps.run_together({"fourth": (20.0, code), "fifth": (20.0, ["false"])})
    assert steps.failed
    names = ["first", "second", "third", "fourth", "fifth"]
    assert [line.split()[0] for line in steps.lines] == names
    assert [line.split()[-1] for line in steps.lines] == [
        *("(3)", "passed", "here", "passed", "(1)"),
    ]
    out = capfd.readouterr().out
    assert "ran" in out
    assert out.index("== fourth\nat the same time") < out.index("== fifth")


def test_a_step_that_takes_too_long_may_write_what_it_has(tmp_path: Path) -> None:
    written = tmp_path / "rows"
    code = (
        "import pathlib, sys, time\n"
        "try:\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    pathlib.Path(sys.argv[1]).touch()"
    )
    command = [sys.executable, "-c", code, str(written)]
    assert run_limited(command, 2, variables("cpu")) == TIMED_OUT
    assert written.exists()
