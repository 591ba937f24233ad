import numpy as np
import pytest

from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.metrics.separation import (
    SHUFFLES,
    embedding_table,
    separation,
    silhouettes,
)


def test_silhouette_by_hand() -> None:
    pair = np.array([[0.0], [1.0], [10.0], [12.0]])
    both = np.array([[True, True, False, False]])
    wanted = [1 - 1 / 11, 1 - 1 / 10, 1 - 2 / 9.5, 1 - 2 / 11.5]
    assert silhouettes(pair, both) == pytest.approx(np.mean(wanted))
    assert silhouettes(pair, ~both) == silhouettes(pair, both)


def test_groups_that_are_apart_are_no_chance_and_random_ones_are() -> None:
    points = np.random.default_rng(1).normal(size=(32, 5))
    group = np.arange(32) < 13
    mixed = separation(points, group)
    apart = separation(points + 20 * group[:, None], group)
    assert apart.silhouette > 0.8
    assert apart.p_value == 1 / (SHUFFLES + 1)
    assert abs(mixed.silhouette) < 0.1
    assert mixed.p_value > 0.02
    assert separation(points, group) == mixed


@pytest.mark.parametrize(
    "table",
    [
        [[1.0, 2.0]],
        [[1.0]] * len(EMOTIONS),
        [[1.0, float("nan")]] * len(EMOTIONS),
        [[1.0, 2.0]] * (len(EMOTIONS) - 1) + [[1.0]],
        [["a", "b"]] * len(EMOTIONS),
        7,
    ],
)
def test_a_table_that_is_none_is_refused(table: object) -> None:
    with pytest.raises(ValueError, match="emotion_embedding must be"):
        embedding_table({"emotion_embedding": table})


def test_no_table_is_none() -> None:
    assert embedding_table({}) is None
