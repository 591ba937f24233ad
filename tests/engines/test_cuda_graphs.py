"""Recording of CUDA graphs, which the CPU has not: torch.cuda is replaced by fakes here.

They show the order of the calls, and which errors come out. Whether a GPU records rightly, only
tests/gpu can show.
"""

import ast
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import mime_fast
from mime_fast.engines.cuda import device as device_module
from mime_fast.engines.cuda.graphs import RECORDING, Recorder, is_out_of_memory
from mime_fast.engines.cuda.weights import Model

GPU = torch.device("cuda")


class FakeGraph:
    """Its recording fails if what is recorded does."""

    events: list[str]
    broken = False

    def capture_begin(self, **_: Any) -> None:
        assert RECORDING.locked()
        assert not gc.isenabled()
        self.events.append("begin")

    def capture_end(self) -> None:
        self.events.append("end")
        if FakeGraph.broken:
            raise RuntimeError("operation failed due to a previous error during capture")

    def replay(self) -> None:
        self.events.append("replay")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of torch.cuda, in order."""
    found: list[str] = []

    class Stream:
        def __init__(self, *_: Any) -> None:
            self.synchronize = lambda: found.append("wait for a stream")

    @contextmanager
    def stream(_: Any) -> Iterator[None]:
        yield

    def empty_cache() -> None:
        assert RECORDING.locked()
        found.append("empty cache")

    FakeGraph.events, FakeGraph.broken = found, False
    fakes = {
        "CUDAGraph": FakeGraph,
        "Stream": Stream,
        "stream": stream,
        "current_stream": Stream,
        "graph_pool_handle": lambda: (0, 1),
        "empty_cache": empty_cache,
        "synchronize": lambda *_: found.append("wait for the device"),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    return found


def test_a_recording_waits_for_nobody_and_frees_nothing(events: list[str]) -> None:
    replay = Recorder(GPU).record(lambda: events.append("launch"))
    replay()
    assert events == ["launch", "begin", "launch", "end", "replay"]
    assert gc.isenabled()
    assert not RECORDING.locked()


def test_memory_that_ends_while_launches_are_recorded_is_named(events: list[str]) -> None:
    """The recording fails too, and says nothing of memory."""
    FakeGraph.broken = True

    def launch() -> None:
        events.append("launch")
        if "begin" in events:
            raise torch.OutOfMemoryError("no room")

    with pytest.raises(torch.OutOfMemoryError, match="no room"):
        Recorder(GPU).record(launch)
    assert events == ["launch", "begin", "launch", "end"]
    assert gc.isenabled()
    assert not RECORDING.locked()
    with pytest.raises(RuntimeError, match="previous error"):
        Recorder(GPU).record(lambda: None)


def test_an_engine_does_not_break_a_recording(events: list[str]) -> None:
    """Neither one that is made, nor one that makes room."""
    unused: Any = None
    model = Model(unused, unused, None, GPU, unused)
    gpu = device_module.Device(model)
    gpu.make_room(2, torch.OutOfMemoryError())
    assert events == ["wait for a stream", "empty cache"]


def test_no_module_waits_for_a_whole_device() -> None:
    """Nor uses what does."""
    root = Path(mime_fast.__path__[0])
    engines = [*(root / "engines").rglob("*.py"), *(root / "kernels").glob("*.py")]
    assert len(engines) > 20
    called = {
        ast.unparse(node.func)
        for path in engines
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    assert "torch.cuda.Stream" in called
    assert not called & {"torch.cuda.synchronize", "torch.cuda.graph"}


class DriverError(RuntimeError):
    """Stands for torch.AcceleratorError, which only C++ can make with a code."""

    error_code = 2


def test_memory_that_ends_is_known_by_its_type_or_code() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError())
    assert is_out_of_memory(DriverError("CUDA error"))
    assert is_out_of_memory(RuntimeError("Triton Error [CUDA]: out of memory"))
    assert not is_out_of_memory(RuntimeError("the reply ran out of memory of its topic"))
    assert not is_out_of_memory(None)
    caused = RuntimeError("capture failed")
    caused.__context__ = torch.OutOfMemoryError()
    assert is_out_of_memory(caused)
