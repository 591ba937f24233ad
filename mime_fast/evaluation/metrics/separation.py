"""How far the positive and the negative emotions are apart in a model's embedding of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mime_fast.config import require
from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.metrics.emotions import is_positive

Values = NDArray[np.floating]
Labels = NDArray[np.bool_]
LARGEST = 1e30  # of an embedding: distances do not overflow
SHUFFLES = 9999  # of the groups' labels: p-values from 1e-4
IN_GROUP = is_positive(np.arange(len(EMOTIONS)))


@dataclass(frozen=True)
class Separation:
    """Mean silhouette of two groups, and how often chance gives as much."""

    silhouette: float
    p_value: float


def silhouettes(points: Values, groups: Labels) -> Values:
    """Mean silhouette of points (n, dim) under each division (divisions, n): (divisions,)."""
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    to_true = groups.astype(np.float64) @ distances
    to_false = distances.sum(0) - to_true
    true_count = groups.sum(1, keepdims=True)
    false_count = groups.shape[1] - true_count
    own = np.where(groups, to_true, to_false) / np.where(groups, true_count - 1, false_count - 1)
    other = np.where(groups, to_false, to_true) / np.where(groups, false_count, true_count)
    longer = np.maximum(np.maximum(own, other), 1e-12)
    return ((other - own) / longer).mean(1)


def separation(points: Values, group: Labels = IN_GROUP, seed: int = 0) -> Separation:
    """How far apart a group (n,) of points (n, dim) is from the rest, by a permutation test."""
    drawer = np.random.default_rng(seed)
    shuffled = drawer.permuted(np.tile(group, (SHUFFLES, 1)), axis=1)
    given, *others = silhouettes(points, np.concatenate([group[None], shuffled]))
    at_least = 1 + int((np.array(others) >= given - 1e-12).sum())
    return Separation(float(given), at_least / (SHUFFLES + 1))


def embedding_table(facts: dict[str, Any]) -> Values | None:
    """The emotion embedding (32, dim) of a system's facts; None: they hold none.

    Raises:
        ValueError: it is not a table of 32 rows of finite numbers.
    """
    if (found := facts.get("emotion_embedding")) is None:
        return None
    try:
        values = np.array(found, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"emotion_embedding must be a table of numbers: {error}") from error
    require(
        values.ndim == 2 and len(values) == len(EMOTIONS) and values.shape[1] > 1,
        f"emotion_embedding must be {len(EMOTIONS)} rows of 2 numbers or more, got a table of "
        f"{values.shape}; write the outputs again",
    )
    require(
        bool((np.abs(values) < LARGEST).all()),  # so NaN is refused too
        f"emotion_embedding must be numbers below {LARGEST:g}; write the outputs again",
    )
    return values
