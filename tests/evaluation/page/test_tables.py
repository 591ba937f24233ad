from mime_fast.evaluation.bootstrap import Figure
from mime_fast.evaluation.figures import DESCRIPTIONS
from mime_fast.evaluation.page.tables import GROUPS, RECOGNITION, SEEDS, cell


def test_every_figure_has_one_place() -> None:
    placed = [name for names in (*GROUPS.values(), RECOGNITION, SEEDS) for name in names]
    assert sorted(placed) == sorted(DESCRIPTIONS)


def test_a_value_with_its_interval() -> None:
    assert cell(Figure(0.5, 0.25, 0.75), ".0%") == "50%<small>25% to 75%</small>"
    assert cell(Figure(2.0), ".2f") == "2.00"
    assert cell(None, ".2f") == "-"
