"""Fixtures of the timed suites, and the hook that writes what they recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.floors import Floors
from benchmarks.harness import FULL, QUICK, SMOKE, Budget, Call, Race, Row, summarise
from benchmarks.peers import BY_NAME, OURS, REFERENCE
from benchmarks.results import write_document
from benchmarks.workload import random_checkpoint
from mime_fast.checkpoint import Checkpoint

ROWS = pytest.StashKey[list[Row]]()
FLOORS = pytest.StashKey[Floors]()
Run = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--threads", type=int, default=1, help="threads of every contestant")
    parser.addoption("--quick", action="store_true", help="fewer rounds and sizes")
    parser.addoption("--smoke", action="store_true", help="once, tiny: times mean nothing")
    parser.addoption("--device", help="of benchmarks/gpu: cuda; cpu rehearses them")
    parser.addoption("--rows", type=Path, default=None, help="write what was measured there")


@pytest.fixture(scope="session")
def quick(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--quick") or pytestconfig.getoption("--smoke"))


@pytest.fixture(scope="session")
def smoke(pytestconfig: pytest.Config) -> bool:
    """Whether each row is run once, untimed; such a run is also a quick one."""
    return bool(pytestconfig.getoption("--smoke"))


@pytest.fixture(scope="session")
def threads(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("--threads"))


@pytest.fixture(scope="session")
def budget(*, quick: bool, smoke: bool) -> Budget:
    return SMOKE if smoke else QUICK if quick else FULL


@pytest.fixture(scope="session")
def floors(pytestconfig: pytest.Config, threads: int, *, quick: bool, smoke: bool) -> Floors:
    seconds = 0.001 if smoke else 0.05 if quick else 0.3
    pytestconfig.stash[FLOORS] = Floors.measure(threads, seconds)
    return pytestconfig.stash[FLOORS]


@pytest.fixture(scope="session")
def checkpoint(*, smoke: bool) -> Checkpoint:
    return random_checkpoint(tiny=smoke)


@pytest.fixture(scope="session")
def peer(checkpoint: Checkpoint, threads: int) -> Callable[[str], Any]:
    """A contestant by name, made once."""
    return cache(lambda name: BY_NAME[name].create(checkpoint, threads))


@pytest.fixture(scope="session")
def reference(peer: Callable[[str], Any]) -> Any:
    """The contestant whose tokens are the definition of right."""
    return peer(REFERENCE)


@pytest.fixture(scope="session")
def record(pytestconfig: pytest.Config) -> Callable[[Row], None]:
    """Keep a row for the results file."""
    return pytestconfig.stash.setdefault(ROWS, []).append


@pytest.fixture
def race(benchmark: Any, record: Callable[[Row], None], budget: Budget, threads: int) -> Run:
    """Times calls in turns: a round of pytest-benchmark is ours, its set-up that of the others.

    `more` holds the further fields of each contestant's row; a call does the work `per` times.
    """

    def run(
        group: str,
        calls: Mapping[str, Call],
        more: Mapping[str, dict[str, Any]] | None = None,
        per: int = 1,
    ) -> None:
        running = Race(calls, budget)
        ours = OURS if OURS in calls else next(iter(calls))

        def others() -> None:
            for name in calls:
                if name != ours:
                    running.turn(name)

        benchmark.group = group
        benchmark.pedantic(running.turn, args=(ours,), setup=others, rounds=running.rounds)
        for name, seconds in running.seconds.items():
            each = [total / per for total in seconds]
            record(summarise(group, name, threads, each, **(more or {}).get(name, {})))

    return run


def pytest_sessionfinish(session: pytest.Session) -> None:
    write_rows(session.config)


def write_rows(config: pytest.Config) -> None:
    """What was measured so far, if a file was asked for."""
    path: Path | None = config.getoption("--rows")
    if path is not None:
        floors = config.stash.get(FLOORS, None)
        values = {
            "floors": asdict(floors) if floors else None,
            "rows": [row.to_dict() for row in config.stash.get(ROWS, [])],
        }
        write_document(values, path)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Each group with its ratio to ours."""
    rows = config.stash.get(ROWS, [])
    ours = {(row.group, row.x): row.median_ms for row in rows if row.contestant == OURS}
    for row in rows:
        own = ours.get((row.group, row.x))
        ratio = f"{row.median_ms / own:8.2f}x" if own else " " * 9
        size = "" if row.x is None else f" at {row.x:g}"
        terminalreporter.write_line(
            f"{row.group + size:44} {row.contestant:20} {row.median_ms:10.3f} ms {ratio}"
        )
