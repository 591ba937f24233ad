"""Ranges of a request: off, as a Chrome trace, and what is refused before work begins."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mime_fast import Generator
from mime_fast.profiling import Trace, profile_range, profiler

Run = Callable[..., subprocess.CompletedProcess[str]]

ASK = """
import os, sys
from mime_fast import Generator
generator = Generator(sys.argv[1])
print(generator.respond("I lost my dog.", seed=1).text)
"""


@pytest.fixture
def ask(tiny_checkpoint: Path) -> Run:
    """Runs Python code with the path of a checkpoint, and variables."""

    def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {name: v for name, v in os.environ.items() if "MIME_FAST" not in name}
        return subprocess.run(
            [sys.executable, "-c", code, str(tiny_checkpoint)],
            env=environment | variables,
            check=False,
            capture_output=True,
            text=True,
        )

    return run


def read(path: Path) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    return sorted(events, key=lambda event: (event["ts"], -event["dur"]))


def test_a_trace_has_every_step_of_the_request(ask: Run, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "trace.json"
    result, plain = ask(ASK, MIME_FAST_TRACE=str(path)), ask(ASK)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == plain.stdout  # the same reply, step by step
    events = read(path)
    names = [event["name"] for event in events]
    assert names[:4] == ["respond", "text.encode", "engine.encode", "engine.decode"]
    assert names[-1] == "text.decode"
    assert set(names[4:-1]) - {"text.decode"} == {"engine.step"}  # a reply may be read for cheer
    assert all(event["ph"] == "X" and event["dur"] >= 0 for event in events)
    steps = [event for event in events if event["name"] == "engine.step"]
    assert all(one["ts"] + one["dur"] <= two["ts"] + 0.01 for one, two in pairwise(steps))
    whole = events[0]
    end = whole["ts"] + whole["dur"] + 0.01  # rounding to thousandths of a microsecond
    assert all(whole["ts"] <= e["ts"] and e["ts"] + e["dur"] <= end for e in events)
    assert list(path.parent.iterdir()) == [path]


def test_streams_batches_and_consensus_have_ranges(ask: Run, tmp_path: Path) -> None:
    code = ASK + (
        "list(generator.stream('no', seed=1))\n"
        "generator.respond_batch(['no', 'yes'], do_sample=True, mbr_samples=2, seed=1)\n"
    )
    path = tmp_path / "trace.json"
    assert ask(code, MIME_FAST_TRACE=str(path)).returncode == 0
    names = [event["name"] for event in read(path)]
    assert names.count("respond") == 2  # a stream is not one call
    assert names.count("engine.encode") == 3
    assert names.count("consensus") == 2


@pytest.mark.parametrize(
    ("engine", "steps"),
    [("native", set()), ("eager", {"engine.encode", "engine.step"})],
)
def test_requests_of_an_event_loop_have_ranges(
    ask: Run, tmp_path: Path, engine: str, steps: set[str]
) -> None:
    if engine == "eager":
        pytest.importorskip("torch")
    code = (
        "import asyncio, sys\n"
        "from mime_fast import AsyncGenerator, Generator\n"
        "async def main():\n"
        f"    async with AsyncGenerator(Generator(sys.argv[1], engine={engine!r})) as replies:\n"
        "        await replies.respond('no', do_sample=True, mbr_samples=2, seed=1)\n"
        "asyncio.run(main())\n"
    )
    path = tmp_path / "trace.json"
    result = ask(code, MIME_FAST_TRACE=str(path))
    assert (result.returncode, result.stderr) == (0, "")
    own = {"text.encode", "consensus", "text.decode"}
    assert {event["name"] for event in read(path)} == own | steps


def test_a_fork_does_not_write_its_parents_trace(ask: Run, tmp_path: Path) -> None:
    code = ASK + "if os.fork() == 0:\n    generator.respond('no')\n    sys.exit()\nos.wait()\n"
    path = tmp_path / "trace.json"
    assert ask(code, MIME_FAST_TRACE=str(path)).returncode == 0
    assert [event["name"] for event in read(path)].count("respond") == 1


def test_a_bad_target_is_an_error_before_the_checkpoint_is_read(ask: Run, tmp_path: Path) -> None:
    result = ask(ASK.replace("sys.argv[1]", "'nowhere'"), MIME_FAST_TRACE=str(tmp_path))
    assert result.returncode == 1
    assert f"WriteError: MIME_FAST_TRACE: {tmp_path} is a folder; name a file" in result.stderr


def test_the_command_line_names_a_bad_target(tiny_checkpoint: Path, tmp_path: Path) -> None:
    command = ["respond", "no", "--checkpoint", str(tiny_checkpoint)]
    result = subprocess.run(
        [sys.executable, "-m", "mime_fast", *command],
        env=os.environ | {"MIME_FAST_TRACE": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr.startswith(f"mime-fast: MIME_FAST_TRACE: {tmp_path} is a folder;")
    assert result.stderr.count("\n") == 1


def test_a_target_that_fails_at_the_end_is_a_line(ask: Run, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    code = f"{ASK}os.mkdir({str(path)!r})\n"
    result = ask(code, MIME_FAST_TRACE=str(path))
    assert result.returncode == 0
    assert result.stderr.startswith(f"MIME_FAST_TRACE: {path} cannot be written")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("yes", "MIME_FAST_NVTX must be 1 or unset, got 'yes'"),
        ("1", "MIME_FAST_NVTX=1 needs a GPU"),
    ],
)
def test_nvtx_needs_a_gpu(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    torch = pytest.importorskip("torch")
    if value == "1" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setenv("MIME_FAST_NVTX", value)
    with pytest.raises(ValueError, match=message):
        Generator(tiny_checkpoint)


def test_nothing_is_recorded_unless_asked_for() -> None:
    assert profiler.trace is None
    assert profile_range("a") is profile_range("b")


def test_the_newest_ranges_are_kept(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "trace.json", most=3)
    for name in "abcde":
        trace.add(name, time.perf_counter_ns())
    trace.write()
    assert [event["name"] for event in read(tmp_path / "trace.json")] == ["c", "d", "e"]
