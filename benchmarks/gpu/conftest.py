"""Fixtures of the GPU's suite: the races of the other suites, on one device.

Device time is scarce. So a contestant that answers wrongly is timed all the same, and its row says
so. One that fails is left out of its race, which still takes place. Then the test fails.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pytest
import torch

from benchmarks.conftest import FLOORS, ROWS, write_rows
from benchmarks.floors import Floors, reply_seconds
from benchmarks.gpu import floors as gpu_floors
from benchmarks.gpu.contestants import BY_NAME, exact_float32, same_tokens
from benchmarks.gpu.measured import load_floors
from benchmarks.harness import Budget, Call, Race, Row, Seconds, summarise, time_call
from benchmarks.peers import REFERENCE
from benchmarks.workload import Request, random_checkpoint
from benchmarks.works import Answer, answer_all, in_turns
from mime_fast.checkpoint import Checkpoint


@pytest.fixture(scope="session", autouse=True)
def device(pytestconfig: pytest.Config) -> torch.device:
    """Where all contestants run."""
    name = pytestconfig.getoption("--device")
    if name is None:
        pytest.skip("the suite of a GPU; make gpu runs it")
    exact_float32()
    return torch.device(name)


@pytest.fixture(autouse=True)
def keep_rows(pytestconfig: pytest.Config) -> Iterator[None]:
    """Should a later test crash, what was measured is in the file."""
    yield
    write_rows(pytestconfig)


@pytest.fixture(scope="session")
def rehearsed(device: torch.device) -> bool:
    return device.type == "cpu"


@pytest.fixture(scope="session")
def budget() -> Budget:
    return Budget(2.5, 5, 200)


@pytest.fixture(scope="session")
def checkpoint(*, rehearsed: bool) -> Checkpoint:
    return random_checkpoint(tiny=rehearsed)


@pytest.fixture(scope="session")
def floors(pytestconfig: pytest.Config, device: torch.device) -> Floors:
    known = load_floors() if "MIME_FAST_GPU_FOLDER" in os.environ else None
    pytestconfig.stash[FLOORS] = known or gpu_floors.measure(device)
    return pytestconfig.stash[FLOORS]


@pytest.fixture(scope="session")
def peer(checkpoint: Checkpoint, device: torch.device) -> Callable[[str], Any]:
    """A contestant by name, made once."""
    return cache(lambda name: BY_NAME[name].create(checkpoint, str(device)))


@pytest.fixture(scope="session")
def record(pytestconfig: pytest.Config) -> Callable[[Row], None]:
    """Keep a row for the results file; a race that is run again replaces its rows."""
    rows = pytestconfig.stash.setdefault(ROWS, [])

    def key(row: Row) -> tuple[str, str, float | None]:
        return row.group, row.contestant, row.x

    def keep(row: Row) -> None:
        rows[:] = [other for other in rows if key(other) != key(row)]
        rows.append(row)

    return keep


@pytest.fixture
def take_turns(budget: Budget, *, rehearsed: bool) -> Callable[[Mapping[str, Call]], Seconds]:
    """Times calls that end when their tokens are on the host: no thread is left over.

    A rehearsal makes each call once.
    """

    def run(calls: Mapping[str, Call]) -> Seconds:
        if rehearsed:
            return {name: [time_call(call)] for name, call in calls.items()}
        running = Race(calls, budget, settle=0)
        for _ in range(running.rounds):
            for name in calls:
                running.turn(name)
        return running.seconds

    return run


@pytest.fixture
def race(
    record: Callable[[Row], None], take_turns: Callable[[Mapping[str, Call]], Seconds]
) -> Callable[..., None]:
    """Records what each contestant took."""

    def run(
        group: str, calls: Mapping[str, Call], more: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        for name, seconds in take_turns(calls).items():
            record(summarise(group, name, 1, seconds, **(more or {}).get(name, {})))

    return run


@pytest.fixture
def reply_race(
    race: Callable[..., None],
    peer: Callable[[str], Any],
    checkpoint: Checkpoint,
    floors: Floors,
) -> Callable[..., None]:
    """Checks everybody's tokens of all works, then times everybody on one work after the other."""

    def run(
        group: str,
        names: Sequence[str],
        works: Sequence[list[Request]],
        answer: Answer,
        x: int | None = None,
        **shape: int,
    ) -> None:
        def describe(name: str) -> dict[str, Any]:
            contestant = BY_NAME[name]
            equal, share = same_tokens(contestant, answer_all(peer(name), works, answer), expected)
            floor = reply_seconds(floors, checkpoint.config, contestant.work, **shape)
            if equal is False:
                failed.append(f"{name} answers other tokens than {REFERENCE}: {share:.1%} agree")
            return {"x": x, "floor_ms": 1e3 * floor, "equal": equal}

        expected = answer_all(peer(REFERENCE), works, answer)
        more: dict[str, dict[str, Any]] = {}
        failed: list[str] = []
        for name in names:
            try:
                more[name] = describe(name)
            except Exception as error:  # noqa: BLE001 - the others are still measured
                failed.append(f"{name}: {type(error).__name__}: {error}")
        race(group, {name: in_turns(peer(name), works, answer) for name in more}, more)
        if failed:
            pytest.fail("; ".join(failed))

    return run
