"""Runs items, each in a process with a limit: whatever one does, the next one is run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

from benchmarks.gpu import processes
from benchmarks.gpu.journal import Journal
from benchmarks.gpu.measured import load_values
from benchmarks.gpu.plan import Item

LOADED = 4  # processes that load torch side by side, before one after the other has the GPU
LEAST = 3.0  # seconds in which an item can do anything
SKIPPED_BY = {"built": "the extension was not built", "time": "no time is left"}


@dataclass
class Running:
    """A process that was started, and where its output goes."""

    item: Item
    process: subprocess.Popen[str]
    output: Path
    rows: Path


class Runner:
    """Runs the items of a plan within so many seconds."""

    def __init__(
        self,
        journal: Journal,
        wait_for_build: Callable[[float], bool],  # seconds -> whether the extension is there
        device: str,
        folder: Path,
        seconds: float,
        beside: int,
    ) -> None:
        self._journal, self._wait_for_build = journal, wait_for_build
        self._device, self._folder, self._beside = device, folder, beside
        self._ends = time.monotonic() + seconds
        self._count, self._lock = 0, Lock()
        self._running: set[subprocess.Popen[str]] = set()

    def run(self, items: Sequence[Item]) -> None:
        """Run the items in their order; those that time nothing run beside their neighbours.

        When the run ends, for whatever reason, its processes are ended.
        """
        try:
            self._run(items)
        finally:
            for process in self._running:
                processes.stop(process)

    def _run(self, items: Sequence[Item]) -> None:
        for together, group in groupby(items, lambda item: item.together):
            chosen = list(group)
            if together:
                with ThreadPoolExecutor(self._beside) as pool:
                    list(pool.map(self._run_alone, chosen))
            else:
                for batch in _batches(chosen, LOADED):
                    self._run_in_turns(batch)

    def _run_alone(self, item: Item) -> None:
        if self._can_run(item):
            self._finish(self._start(item))

    def _run_in_turns(self, items: Sequence[Item]) -> None:
        started = [self._start(item) for item in items if self._can_run(item)]
        for running in started:
            if self._left() < LEAST:
                processes.stop(running.process)
                self._running.discard(running.process)
                self._skip(running.item, "time")
            else:
                self._finish(running)

    def _left(self) -> float:
        return self._ends - time.monotonic()

    def _can_run(self, item: Item) -> bool:
        if item.built and not self._wait_for_build(self._left()):
            self._skip(item, "built")
        elif self._left() < LEAST:
            self._skip(item, "time")
        else:
            return True
        return False

    def _skip(self, item: Item, reason: str) -> None:
        with self._lock:
            outcome = f"not run: {SKIPPED_BY[reason]}"
            self._journal.add(item.name, outcome, 0, {})

    def _start(self, item: Item) -> Running:
        with self._lock:
            self._count += 1
            stem = self._folder / f"{self._count}"
        output, rows = stem.with_suffix(".log"), stem.with_suffix(".json")
        environment = processes.variables(self._device, self._folder)
        environment["MIME_FAST_GPU_ROWS"] = str(rows)
        module = [] if item.program else [sys.executable, "-m", "benchmarks.gpu.item"]
        with output.open("w", encoding="utf-8") as stream:
            process = processes.start([*module, *item.arguments], environment, stream)
        self._running.add(process)
        return Running(item, process, output, rows)

    def _finish(self, running: Running) -> None:
        began = time.monotonic()
        limit = max(LEAST, min(running.item.limit, self._left()))
        status = processes.finish(running.process, limit)
        self._running.discard(running.process)
        seconds = time.monotonic() - began
        outcome = "passed" if status == 0 else f"FAILED ({status})"
        if status == processes.TIMED_OUT:
            outcome = f"STOPPED after {limit:.0f} s"
        with self._lock:
            output = running.output.read_text(encoding="utf-8", errors="replace")
            self._journal.note(running.item.name, output, show=status != 0)
            values: dict[str, Any] = {}
            try:
                values = load_values(running.rows)
            except ValueError as error:  # the next items are run all the same
                fault = f"its measurements cannot be read: {error}"
                self._journal.note(running.item.name, fault, show=True)
                outcome = "FAILED (no measurements)" if status == 0 else outcome
            self._journal.add(running.item.name, outcome, seconds, values)


def _batches(items: Sequence[Item], count: int) -> Iterator[Sequence[Item]]:
    """Batches of at most `count`; items that wait for the build are not started beside others."""
    for _, group in groupby(items, lambda item: item.built):
        chosen = list(group)
        for first in range(0, len(chosen), count):
            yield chosen[first : first + count]
