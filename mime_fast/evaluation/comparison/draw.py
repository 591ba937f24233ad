"""Chance that is repeated: which examples are shown."""

from __future__ import annotations

import random
from collections.abc import Sequence


def draw(seed: int, count: int, members: Sequence[int], stream: str = "") -> list[int]:
    """Members drawn at random, in their order; always the same for a seed and a stream."""
    drawer = random.Random(f"{seed} {stream}")  # noqa: S311 - nothing is secret
    return sorted(drawer.sample(members, min(count, len(members))))
