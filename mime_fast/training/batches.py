"""The order of an epoch: batches of items of similar length, shuffled by a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

BUCKET = 50  # batches that are sorted by length together: 1.1 times the work of no padding at all


def bucketed(
    items: Sequence[T],
    rows: int,
    length: Callable[[T], Any],
    divide: Callable[[list[T]], Iterable[list[T]]],
    seed: int,
    *,
    bucket: int = BUCKET,
) -> list[list[T]]:
    """One epoch in an order given by the seed.

    rows: items of a mean batch. length: what items of a bucket are sorted by. divide: the batches
    of a sorted bucket. bucket: how many batches it makes.
    """
    shuffler = random.Random(seed)  # noqa: S311 - an order, not a secret
    order = list(items)
    shuffler.shuffle(order)
    batches: list[list[T]] = []
    for start in range(0, len(order), rows * bucket):
        batches += divide(sorted(order[start : start + rows * bucket], key=length))
    shuffler.shuffle(batches)
    return batches


def filled(
    items: Iterable[T], lengths: Callable[[T], tuple[int, ...]], positions: int
) -> list[list[T]]:
    """Batches in the given order of at most so many positions, each part padded to its longest.

    lengths: those of an item's parts. An item that is longer than `positions` has its own batch.
    """
    batches: list[list[T]] = [[]]
    longest: tuple[int, ...] = ()
    for item in items:
        own = lengths(item)
        longest = tuple(map(max, longest or own, own))
        if batches[-1] and (len(batches[-1]) + 1) * sum(longest) > positions:
            batches.append([])
            longest = own
        batches[-1].append(item)
    return batches
