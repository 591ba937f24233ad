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
        assert cpu_seconds([parent.pid, *children]) >= 0
        parent.communicate(b"\n")
    assert parent.pid not in descendants(os.getpid())
    assert not list(descendants(parent.pid))
