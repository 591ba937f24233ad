"""Daemon threads stop between two calls of torch when the interpreter ends.

torch releases the GIL, and takes it again in destructors that must not throw. Up to Python 3.13 a
daemon thread is ended by pthread_exit when it takes the GIL of an interpreter that ends: within
torch that calls std::terminate. So the main thread waits, before the interpreter ends, until such
threads have left torch. They then sleep until the process exits, as from Python 3.14 on.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import ParamSpec, TypeVar
from weakref import WeakSet

PACKAGE = __name__.partition(".")[0]
PATIENCE = 10.0  # seconds that the end waits at most; a call between two checks takes milliseconds
SETTLE = 0.02  # seconds in which a caller frees the tensors of a call that has just ended
LOOK = 0.001

P = ParamSpec("P")
T = TypeVar("T")

_ending = threading.Event()
_inside: dict[int, int] = {}  # daemon threads in a call of torch, with the depth of their calls
_callers: WeakSet[threading.Thread] = WeakSet()  # daemon threads that called torch, and are awake


def calls_torch(function: Callable[P, T]) -> Callable[P, T]:
    """Let the end of the interpreter wait for calls of this function by daemon threads."""

    @wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> T:
        thread = threading.current_thread()
        if not thread.daemon:
            return function(*arguments, **named)
        number = threading.get_ident()
        _callers.add(thread)
        _inside[number] = _inside.get(number, 0) + 1  # before the check: the end reads it after
        try:
            sleep_if_ending()
            return function(*arguments, **named)
        finally:
            _leave(number)

    return call


def sleep_if_ending() -> None:
    """Between two calls of torch: a daemon thread sleeps for ever if the interpreter ends."""
    thread = threading.current_thread()
    if _ending.is_set() and thread.daemon:
        _inside.pop(threading.get_ident(), None)
        _callers.discard(thread)
        threading.Event().wait()


def _leave(number: int) -> None:
    if _inside[number] > 1:
        _inside[number] -= 1
    else:
        del _inside[number]


@atexit.register
def _wait_for_threads() -> None:
    _ending.set()
    latest = time.monotonic() + PATIENCE
    while (_inside or _is_any_busy()) and time.monotonic() < latest:
        time.sleep(LOOK)
    if _callers:
        time.sleep(SETTLE)


def _is_any_busy() -> bool:
    """Whether a thread that called torch runs this package: it may do so again, or free tensors."""
    frames = sys._current_frames()  # noqa: SLF001 - documented, for purposes such as this
    return any(
        thread in _callers and _runs_package(frames.get(thread.ident or 0))
        for thread in threading.enumerate()
    )


def _runs_package(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == PACKAGE:
            return True
        frame = frame.f_back
    return False


def _forget_threads() -> None:
    """A child of a fork has no thread of its parent but the one that forked."""
    for number in set(_inside) - {threading.get_ident()}:
        del _inside[number]


os.register_at_fork(after_in_child=_forget_threads)
