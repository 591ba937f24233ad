"""Round robin over contestants: machines drift, ratios within one run hold."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

Call = Callable[[], object]
Seconds = dict[str, list[float]]  # of each call, by its name
SHORTEST = 200e-6  # seconds a measurement; shorter calls are repeated within it
TURN = 20e-3  # seconds; calls that are shorter are measured several times in a turn
MOST_IN_A_TURN = 10
# Between turns: the threads of the one before spin for some milliseconds before they sleep.
SETTLE = 20e-3


@dataclass
class Row:
    """One contestant in one race."""

    group: str
    contestant: str
    threads: int
    median_ms: float
    p10_ms: float
    p90_ms: float
    rounds: int
    x: float | None = None  # where the group is a line: the batch size, the length of context, ...
    floor_ms: float | None = None  # what this machine cannot do faster, see floors.py
    # Share of tokens equal to the reference's. None: not comparable. False: a contestant that
    # promises the same tokens gave others.
    equal: float | bool | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The row in the form of the results file."""
        return {key: value for key, value in asdict(self).items() if value not in (None, {})}


@dataclass(frozen=True)
class Budget:
    """How long a race may take. warm: whether calls run untimed before they are timed."""

    seconds: float
    fewest: int
    most: int
    warm: bool = True

    def rounds(self, seconds_a_round: float) -> int:
        """How many rounds fit."""
        return max(self.fewest, min(self.most, int(self.seconds / seconds_a_round)))


FULL, QUICK, SMOKE = Budget(8.0, 7, 300), Budget(0.4, 2, 50), Budget(0, 1, 1, warm=False)


def time_call(call: Call, repeats: int = 1) -> float:
    """Seconds a call."""
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats


@contextmanager
def settled(seconds: float = SETTLE) -> Iterator[None]:
    """A turn: the threads of the one before are asleep, and the garbage collector rests."""
    time.sleep(seconds)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Race:
    """Contestants on one task, each warmed up, then timed in turns.

    A turn begins when the threads of the one before are asleep. Its first call is untimed, so that
    no contestant pays for what the others left in the caches.
    """

    def __init__(self, calls: Mapping[str, Call], budget: Budget, settle: float = SETTLE) -> None:
        self.calls, self.warm, self.settle = dict(calls), budget.warm, settle
        for call in self.calls.values() if self.warm else ():
            call()
        once = {name: time_call(call) for name, call in self.calls.items()}
        self.repeats = {name: max(1, math.ceil(SHORTEST / once[name])) for name in once}
        self.samples = {
            name: max(1, min(MOST_IN_A_TURN, int(TURN / max(SHORTEST, once[name]))))
            if self.warm
            else 1
            for name in once
        }
        self.rounds = budget.rounds(sum(self._turn_seconds(name, once[name]) for name in once))
        self.seconds: Seconds = {name: [] for name in self.calls}

    def _turn_seconds(self, name: str, once: float) -> float:
        return self.settle + once + self.samples[name] * max(SHORTEST, once)

    def turn(self, name: str) -> None:
        """Time one contestant."""
        call = self.calls[name]
        with settled(self.settle):
            if self.warm:
                call()
            for _ in range(self.samples[name]):
                self.seconds[name].append(time_call(call, self.repeats[name]))


def time_process(*arguments: str) -> tuple[float, str]:
    """Seconds that a Python process took, and what it printed."""
    started = time.perf_counter()
    command = [sys.executable, *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return time.perf_counter() - started, output


def summarise(
    group: str, contestant: str, threads: int, seconds: Sequence[float], **more: Any
) -> Row:
    """A row of its median and spread."""
    p10, median, p90 = (1e3 * np.percentile(seconds, [10, 50, 90])).tolist()
    return Row(
        group=group,
        contestant=contestant,
        threads=threads,
        median_ms=median,
        p10_ms=p10,
        p90_ms=p90,
        rounds=len(seconds),
        **more,
    )
