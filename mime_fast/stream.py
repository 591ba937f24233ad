"""The events of a reply that is being made."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Self

from mime_fast.engines.base import Unpicklable
from mime_fast.types import TokenEvent


class Stream(Unpicklable, Iterator[TokenEvent]):
    """What Generator.stream returns: an iterator; close() gives the reply up."""

    def __init__(self, events: Generator[TokenEvent, None, None]) -> None:
        self._events = events

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> TokenEvent:
        return next(self._events)

    def close(self) -> None:
        """End here: what the reply needed is free, and no event follows."""
        self._events.close()
