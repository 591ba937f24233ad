"""Errors of too little memory: what for, how much was asked for, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

TOO_LITTLE = "there is too little memory"  # as csrc/bindings/memory_error.cc says it
REFUSED = re.compile(r"tried to allocate (\d+) bytes")  # torch, in a RuntimeError


@contextmanager
def enough_memory(purpose: str, remedy: str) -> Iterator[None]:
    """Within it, whatever lacks memory raises a MemoryError that says so. purpose: "load x"."""
    try:
        yield
    except MemoryError as error:
        if TOO_LITTLE in str(error):
            raise
        raise _too_little(purpose, str(error).replace("std::bad_alloc", ""), remedy) from error
    except RuntimeError as error:
        found = REFUSED.search(str(error))
        if found is None:
            raise
        reason = f"{int(found[1]) / 1e6:.1f} MB could not be allocated"
        raise _too_little(purpose, reason, remedy) from error


def _too_little(purpose: str, reason: str, remedy: str) -> MemoryError:
    detail = f" ({reason})" if reason else ""
    return MemoryError(
        f"{TOO_LITTLE} to {purpose}{detail}: free some that other programs hold, raise the limit "
        f"of this process (ulimit -v), or {remedy}"
    )
