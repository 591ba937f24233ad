import re

import numpy as np

from mime_fast.evaluation.page.chart import BAR, Bar, bars, heat_map
from mime_fast.evaluation.page.scatter import scatter


def test_a_full_bar_is_the_longest() -> None:
    drawn = bars("x", [Bar("a", 1.0, "100%"), Bar("b", 0.25, "25%", marks=((2, 0.5),))], 1.0)
    widths = re.findall(r'width="([0-9.]+)" height="12.0" class="accent"', drawn)
    assert [float(width) for width in widths] == [BAR, BAR / 4]
    assert drawn.count('class="mark2"') == 1


def test_cells_tell_their_values_and_the_strongest_is_opaque() -> None:
    drawn = heat_map("x", ["r"], ["a", "b", "c"], np.array([[0.5, 0.25, 0.0]]))
    assert re.findall(r'fill-opacity="([0-9.]+)"', drawn) == ["1.00", "0.50"]
    assert re.findall(r"<title>(.*?)</title>", drawn) == ["r, a: 0.50", "r, b: 0.25"]


def test_no_value_at_all_is_drawn_empty() -> None:
    assert "fill-opacity" not in heat_map("x", ["r"], ["a"], np.zeros((1, 1)))


def test_points_keep_their_distances_and_names_their_places() -> None:
    points = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
    drawn = scatter("x", ["a", "b", "c", "d"], points, ["positive"] * 4)
    found = re.findall(r'cx="([0-9.]+)" cy="([0-9.]+)"', drawn)
    first, right, above, same = (np.array(pair, float) for pair in found)
    assert right[0] - first[0] == 2 * (first[1] - above[1]) > 0
    assert (above == same).all()
    assert len(set(re.findall(r'<text x="([0-9.]+)" y="([0-9.]+)"', drawn))) == 4
