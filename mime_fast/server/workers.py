"""Several processes that answer at one address: children of the one that loaded the weights.

They are forked after loading, so that the pages of the weights, which nobody writes, are in memory
once. A forked engine computes on one thread: there is a process for each core.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable

from mime_fast.server.metrics_folder import metrics_folder

log = logging.getLogger("mime_fast.server")
SIGNALS = (signal.SIGTERM, signal.SIGINT)
# prometheus_client's: where processes leave their values. It is read when that is imported.
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
PR_SET_PDEATHSIG = 1  # prctl: the signal to get when the parent dies
SHORTEST_LIFE = 1.0  # seconds; a child that ends sooner is started again no sooner


class Workers:
    """Starts children, restarts those that die, and ends them on a signal."""

    def __init__(self, count: int, work: Callable[[], None]) -> None:
        self._count, self._work = count, work
        self._started: dict[int, float] = {}  # by process id
        self._stopping = False

    def run(self, on_start: Callable[[], None]) -> int:
        """Run until a signal; the exit status."""
        with metrics_folder() as folder:
            os.environ[MULTIPROCESS] = str(folder)
            gc.collect()
            gc.freeze()  # so that collections do not write to pages that are shared
            for number in SIGNALS:
                signal.signal(number, self._stop)
            for _ in range(self._count):
                self._start()
            on_start()
            return self._wait()

    def _start(self) -> None:
        # A signal waits until the child has its own handlers, and the parent knows the child.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        child = os.fork()
        if child == 0:
            os._exit(self._run_child())
        self._started[child] = time.monotonic()
        if self._stopping:
            os.kill(child, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _run_child(self) -> int:
        os.setpgid(0, 0)  # a terminal's Ctrl-C goes to the parent alone, which passes it on
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        try:
            self._work()
        except BaseException:
            log.exception("a worker failed")
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return 0

    def _stop(self, number: int, _: object) -> None:
        self._stopping = True
        for child in self._started:
            os.kill(child, number)

    def _wait(self) -> int:
        failed = 0
        while self._started:
            child, status = os.wait()
            lived = time.monotonic() - self._started.pop(child)
            code = os.waitstatus_to_exitcode(status)
            _remove_gauges(child)
            if self._stopping:
                failed += code not in (0, -signal.SIGTERM, -signal.SIGINT)
                continue
            log.warning("worker %d ended (%d); another one is started", child, code)
            time.sleep(max(0.0, SHORTEST_LIFE - lived))
            if not self._stopping:
                self._start()
        return int(failed > 0)


def _remove_gauges(child: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

    mark_process_dead(child)  # type: ignore[no-untyped-call]
