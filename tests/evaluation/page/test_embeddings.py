import numpy as np
import pytest

from mime_fast.evaluation.page.embeddings import principal_components


def test_components_of_a_line() -> None:
    points = np.array([[0.0, 0.0, 1.0], [3.0, 4.0, 1.0], [-3.0, -4.0, 1.0], [9.0, 12.0, 1.0]])
    places, shares = principal_components(points)
    # at 0, 5, -5 and 15 along (3, 4) / 5; their middle is 3.75
    assert places[:, 0] == pytest.approx([-3.75, 1.25, -8.75, 11.25])
    assert np.abs(places[:, 1]).max() < 1e-12
    assert shares == pytest.approx([1, 0])


def test_the_greater_spread_is_the_first_axis() -> None:
    points = np.array([[0.0, 2.0], [0.0, -1.0], [9.0, 0.0], [-9.0, 0.0]])
    places, shares = principal_components(points)
    middle = points - points.mean(0)
    assert np.linalg.norm(places, axis=1) == pytest.approx(np.linalg.norm(middle, axis=1))
    assert shares[0] > 0.9
    assert shares.sum() == pytest.approx(1)
