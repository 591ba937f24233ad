"""How many threads the system still starts: libraries end the process where it starts too few."""

from __future__ import annotations

import os
import threading
import warnings
from functools import cache, partial

OPENBLAS = "OPENBLAS_NUM_THREADS"


def count_spare_threads(most: int) -> int:
    """How many threads the system starts beside those there are, at most `most`: 50 us each."""
    done = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(most):
            thread = threading.Thread(target=done.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:  # threading has no type for it
        pass
    finally:
        done.set()
        for thread in started:
            thread.join()
    return len(started)


def limit_numpy_threads() -> None:
    """Before numpy is imported: its OpenBLAS starts a thread for each processor, or interrupts us.

    What a variable of the environment says is kept.
    """
    wanted = len(os.sched_getaffinity(0))
    spare = count_spare_threads(wanted - 1)
    if spare < wanted - 1:
        os.environ.setdefault(OPENBLAS, str(1 + spare))


@cache
def _use_one_torch_thread_after_fork() -> None:
    """Registers it once. It holds for all that a child computes with torch."""
    import torch  # noqa: PLC0415 - as below

    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def limit_torch_threads() -> None:
    """Let torch use fewer threads, with a warning, where the system starts no more.

    Its first operation on several threads would end the process (libgomp). A child of a fork gets
    one thread: torch would wait for the others, which are the parent's.
    """
    import torch  # noqa: PLC0415 - heavy, and the command line needs the above without it

    _use_one_torch_thread_after_fork()
    wanted = torch.get_num_threads()
    threads = 1 + count_spare_threads(wanted - 1)
    if threads < wanted:
        torch.set_num_threads(threads)
        warnings.warn(
            f"the system starts {threads} of {wanted} threads for torch; raise its limit on "
            f"processes (ulimit -u), or set OMP_NUM_THREADS={threads}",
            RuntimeWarning,
            stacklevel=3,
        )
