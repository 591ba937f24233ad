"""The processes that a process started, and their processor time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def descendants(process: int) -> Iterator[int]:
    """The processes that a process started, and theirs; those that end meanwhile are left out."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
    except OSError:  # it ended
        return
    for child in (each for task in tasks for each in _children(task)):
        yield child
        yield from descendants(child)


def _children(task: Path) -> list[int]:
    """The processes that a thread started."""
    try:
        return [int(each) for each in (task / "children").read_text(encoding="ascii").split()]
    except OSError:  # it ended
        return []


def cpu_seconds(processes: Iterable[int]) -> float:
    """The processor time that they took so far."""
    stats = [Path(f"/proc/{each}/stat").read_text(encoding="ascii") for each in processes]
    fields = [stat.rpartition(")")[2].split() for stat in stats]
    ticks = sum(int(each[11]) + int(each[12]) for each in fields)
    return ticks / os.sysconf("SC_CLK_TCK")
