"""How many threads a call should have."""

from __future__ import annotations

import math
import os
from pathlib import Path

MOST = 4  # more hardly pays: a step is 50 microseconds, and its threads meet once in it


def default_threads() -> int:
    """The physical cores that this process may use, at most 4; at least 1."""
    return max(1, min(MOST, _physical_cores(), _quota()))


def _physical_cores() -> int:
    """Cores, not their hyper-threads, which share the units that do the work."""
    cores = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            cores.add(siblings.read_text(encoding="ascii"))
        except OSError:
            cores.add(str(cpu))
    return len(cores)


def _quota() -> int:
    """The processors that a container's limit is worth; a thread above it would only be paused."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return MOST if limit == "max" else math.ceil(int(limit) / int(period))
    except (OSError, ValueError):
        return MOST
