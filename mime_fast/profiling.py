"""Named ranges of a request's steps, for profilers; they cost nothing unless asked for.

MIME_FAST_TRACE=FILE.json writes a Chrome trace when the process ends. MIME_FAST_NVTX=1 marks the
ranges for NVIDIA's profilers. docs/profiling.md names the ranges and shows a reply.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import time
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

from mime_fast.engines.base import DecodingSession
from mime_fast.files import WriteError, check_file, write_whole

TRACE, NVTX = "MIME_FAST_TRACE", "MIME_FAST_NVTX"
MOST_RANGES = 1_000_000  # the newest are kept: about 200 MB, and 100 MB of JSON
_OFF: AbstractContextManager[None] = nullcontext()


class Trace:
    """The ranges of this process, written when it ends."""

    def __init__(self, path: Path, most: int = MOST_RANGES) -> None:
        self._path, self._process = path, os.getpid()
        self._start = time.perf_counter_ns()
        self._ranges: deque[tuple[str, int, int, int]] = deque(maxlen=most)

    def add(self, name: str, begun: int) -> None:
        """Add a range of this thread that ends now; begun: of time.perf_counter_ns()."""
        now = time.perf_counter_ns()
        self._ranges.append((name, threading.get_native_id(), begun - self._start, now - begun))

    def write(self) -> None:
        """Write the file as a whole. WriteError: it cannot be written."""
        events: list[dict[str, Any]] = [
            {
                "name": name,
                "ph": "X",  # a complete event
                "pid": self._process,
                "tid": thread,
                "ts": begun / 1e3,  # microseconds
                "dur": lasted / 1e3,
            }
            for name, thread, begun, lasted in self._ranges.copy()
        ]
        content = json.dumps({"traceEvents": events, "displayTimeUnit": "ms"})
        write_whole(self._path, content.encode())

    def write_at_exit(self) -> None:
        """Write the file, unless the process is a fork; an error is a line."""
        if os.getpid() != self._process:  # a fork has its parent's ranges
            return
        try:
            self.write()
        except WriteError as error:
            print(f"{TRACE}: {error}", file=sys.stderr)


class Profiler:
    """What the environment asks for; off until `start` is called."""

    def __init__(self) -> None:
        self.trace: Trace | None = None
        self.nvtx: Any = None  # torch.cuda.nvtx

    def start(self) -> None:
        """Read the environment, once a process.

        Raises:
            WriteError: the file of the trace cannot be written.
            ValueError: MIME_FAST_NVTX has another value than 1, or torch has no CUDA.
        """
        if self.trace is None and (target := os.environ.get(TRACE)):
            try:
                check_file(Path(target))
            except WriteError as error:
                raise WriteError(f"{TRACE}: {error}") from error
            self.trace = Trace(Path(target).absolute())
            atexit.register(self.trace.write_at_exit)
        if self.nvtx is None and (asked := os.environ.get(NVTX)):
            self.nvtx = _load_nvtx(asked)


def _load_nvtx(asked: str) -> Any:
    if asked != "1":
        raise ValueError(f"{NVTX} must be 1 or unset, got {asked!r}")
    try:
        import torch  # noqa: PLC0415 - slow to import, and optional
    except ModuleNotFoundError as error:
        raise ValueError(f"{NVTX}=1 needs torch with CUDA, which is not installed") from error
    if not torch.cuda.is_available():
        raise ValueError(f"{NVTX}=1 needs a GPU that torch can use, and there is none; unset it")
    return torch.cuda.nvtx


profiler = Profiler()


class _Range:
    """A range that is recorded."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        if profiler.nvtx is not None:
            profiler.nvtx.range_push(self._name)
        self._begun = time.perf_counter_ns()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if profiler.trace is not None:
            profiler.trace.add(self._name, self._begun)
        if profiler.nvtx is not None:
            profiler.nvtx.range_pop()


def profile_range(name: str) -> AbstractContextManager[None]:
    """A context manager that records a range of this name; a no-op unless asked for."""
    if profiler.trace is None and profiler.nvtx is None:
        return _OFF
    return _Range(name)


def run_session(session: DecodingSession) -> None:
    """Make all steps; while a trace is recorded one by one, so that each has a range."""
    with profile_range("engine.decode"):
        if profiler.trace is None:
            session.run()
            return
        begun = time.perf_counter_ns()
        while session.advance():
            profiler.trace.add("engine.step", begun)
            begun = time.perf_counter_ns()
