"""Generators in other processes: each is pickled as what it was made of, and loaded again there."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from mime_fast import checkpoint as checkpoints
from mime_fast.bundled import folder_of

FILES = (
    *(checkpoints.CONFIG, checkpoints.WEIGHTS, checkpoints.TOKENIZER),
    *(checkpoints.GENERATION, checkpoints.DRAFTS, checkpoints.RELEVANCE),
)

Loadable = TypeVar("Loadable")  # Generator, which imports this module


class _Loaded(NamedTuple):
    """The Generator that was loaded last, and what it was made of."""

    made_of: tuple[Any, ...]
    generator: Any


# A process pool pickles the Generator with every task: loading it each time would take most of the
# time. Only the last one is kept.
_LAST: list[_Loaded] = []


def load_again(
    kind: Callable[..., Loadable], path: str | None, options: dict[str, Any]
) -> Loadable:
    """What Generator(path, **options) is: the last one that was, if its files are the same."""
    made_of = os.getpid(), kind, path, sorted(options.items()), _versions(path)
    found = [loaded.generator for loaded in _LAST if loaded.made_of == made_of]
    if not found:  # threads that come at once load one each
        found = [kind(path, **options)]
        _LAST[:] = [_Loaded(made_of, found[0])]
    return copy.copy(found[0])


def _versions(path: str | None) -> list[tuple[int, ...] | None]:
    """What changes where a file of the checkpoint does; None: there is none."""
    folder = folder_of(path)
    return [_version(folder / name) for name in FILES]


def _version(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
