"""How many threads a call should have."""

from __future__ import annotations

import os
from pathlib import Path

from mime_fast.engines.cpu_limit import cpu_quota

MOST = 4  # more hardly pays: a step is 50 microseconds, and its threads meet once in it


def default_threads() -> int:
    """The physical cores that this process may use, at most 4; at least 1.

    They are those of its affinity mask. They are no more than a container's limit is worth: a
    thread above it would only be paused. They are no more than Python is set to use
    (PYTHON_CPU_COUNT, -X cpu_count).
    """
    return max(1, min(MOST, _physical_cores(), cpu_quota() or MOST, _python_cpus()))


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


def _python_cpus() -> int:
    """The processors that Python is set to use; MOST before Python 3.13."""
    count = getattr(os, "process_cpu_count", lambda: None)()
    return MOST if count is None else int(count)
