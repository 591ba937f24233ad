"""Processes found in /proc."""

import os
import subprocess
import sys

from benchmarks.processes import cpu_seconds, descendants

# Its child waits, too.
PARENT = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'input()']))"


def test_descendants_are_found_until_they_end() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as parent:
        while not (children := list(descendants(parent.pid))):
            assert parent.poll() is None
        assert {parent.pid, *children} <= set(descendants(os.getpid()))
        parent.communicate(b"\n")
    assert parent.pid not in descendants(os.getpid())
    assert not list(descendants(parent.pid))


def test_the_processor_time_grows() -> None:
    before = cpu_seconds([os.getpid()])
    while cpu_seconds([os.getpid()]) == before:
        sum(range(100_000))
