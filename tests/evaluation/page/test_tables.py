from mime_fast.evaluation.comparison.compare import Comparison
from mime_fast.evaluation.comparison.figures import DESCRIPTIONS
from mime_fast.evaluation.comparison.printed import p_value
from mime_fast.evaluation.metrics.bootstrap import Figure
from mime_fast.evaluation.page.tables import GROUPS, RECOGNITION, SEEDS, beside, cell


def test_every_figure_has_one_place() -> None:
    placed = [name for names in (*GROUPS.values(), RECOGNITION, SEEDS) for name in names]
    assert sorted(placed) == sorted(DESCRIPTIONS)


def test_a_value_with_its_interval() -> None:
    assert cell(Figure(0.5, 0.25, 0.75), ".0%") == "50%<small>25% to 75%</small>"
    assert cell(Figure(2.0), ".2f") == "2.00"
    assert cell(None, ".2f") == "-"


def test_tiny_p_values_are_not_told_apart() -> None:
    shown = [p_value(p) for p in (1.0, 0.0421, 0.0001, 3e-278, 0.0)]
    assert shown == ["1", "0.042", "0.0001", "< 0.0001", "< 0.0001"]


def test_what_is_significant_is_bold() -> None:
    def test(p_holm: float) -> Comparison:
        difference = Figure(0.5, 0.25, 0.75)
        return Comparison(
            figure="bleu",
            system="tiny",
            difference=difference,
            p_value=0.001,
            p_holm=p_holm,
            test="of chance",
            replies="greedy",
        )

    shown = "+0.50<small>+0.25 to +0.75</small>"
    assert beside(test(0.049)) == f"<b>{shown}</b><small>p 0.049</small>"
    assert beside(test(0.05)) == f"{shown}<small>p 0.05</small>"
    assert beside(None) == "-"
