import math
from dataclasses import replace

from mime_fast.evaluation.comparison.compare import Comparison
from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.metrics.bootstrap import Figure
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.evaluation.page.material import Material
from mime_fast.evaluation.page.summary import CALLED, leader, part, verdicts


def system(name: str, **figures: float) -> Measured:
    known = {key: Figure(value) for key, value in figures.items()}
    return Measured(Outputs(name, {"greedy": ["a"]}), "greedy", known)


def test_the_lowest_perplexity_and_the_highest_bleu_lead() -> None:
    systems = [
        system("a", perplexity_example_mean=30.0, bleu=2.0),
        system("b", perplexity_example_mean=31.0, bleu=2.5),
        system("c", bleu=2.5),
    ]
    lowest = leader("perplexity_example_mean", systems)
    assert lowest == "perplexity: the lowest is 30.00, by a (2 systems give it)."
    assert leader("bleu", systems) == "BLEU: the highest is 2.50, by b and c (of 3)."
    assert leader("relevance", systems) is None


def test_only_what_is_significant_after_correction_is_better_or_worse() -> None:
    def test(figure: str, difference: float, p_holm: float) -> Comparison:
        return Comparison(
            figure=figure,
            system="b",
            difference=Figure(difference),
            p_value=0.001,
            p_holm=p_holm,
            test="some test",
            replies="greedy",
        )

    tests = [
        test("perplexity_example_mean", -1.0, 0.01),
        test("bleu", -0.3, 0.04),
        test("relevance", 0.1, 0.06),
        test("seeds_self_bleu", math.nan, 0.001),
        test("length", 2.0, 0.001),
        replace(test("bleu", 9.0, 0.001), system="c"),
    ]
    assert verdicts("b", tests) == {
        "better": ["perplexity"],
        "worse": ["BLEU"],
        "unclear": ["relevance to the last turn", CALLED["seeds_self_bleu"]],
    }


def test_one_system_is_compared_with_nothing(material: Material) -> None:
    alone = replace(material, systems=material.systems[:1], tests=[])
    assert "nothing to compare" in part(alone).body
