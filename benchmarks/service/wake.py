"""What waking two threads costs: the floor of a request that another thread answers."""

from __future__ import annotations

import os
import statistics
import threading
import time

WORK = 2e-3  # seconds of a reply; meanwhile the core of who waits falls asleep


def measure_wakes(rounds: int) -> float:
    """Microseconds of a round trip to a thread that works and answers, without the work."""
    asked, answered = os.eventfd(0), os.eventfd(0)

    def answer() -> None:
        for _ in range(rounds):
            os.eventfd_read(asked)
            work()
            os.eventfd_write(answered, 1)

    took = []
    thread = threading.Thread(target=answer)
    thread.start()
    for _ in range(rounds):
        work()  # as the loop does between two replies
        began = time.perf_counter()
        os.eventfd_write(asked, 1)
        os.eventfd_read(answered)
        took.append(time.perf_counter() - began - WORK)
    thread.join()
    os.close(asked)
    os.close(answered)
    return 1e6 * statistics.median(took)


def work() -> None:
    """Keep a core busy."""
    end = time.perf_counter() + WORK
    while time.perf_counter() < end:
        pass
