"""Results against figures that were computed by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mime_fast.emotions import polarity
from mime_fast.evaluation.human.plan import Item, Plan
from mime_fast.evaluation.human.results import Annotator, Mean, PairResult, compute_results
from mime_fast.evaluation.human.tables import show
from mime_fast.evaluation.human.verdict import Choice, Scores, Vote

A, B = "plum-system", "kiwi-system"


def rate(item: Item, empathy: Sequence[int], fluency: int = 5) -> list[Vote]:
    return [Vote(item, "abcdef"[at], Scores(score, 3, fluency)) for at, score in enumerate(empathy)]


def compare(item: Item, choices: Sequence[Choice]) -> list[Vote]:
    return [Vote(item, "abcdef"[at], choice) for at, choice in enumerate(choices)]


def test_means_are_over_annotators_then_contexts(small_plan: Plan) -> None:
    one, two = (Item(context, (A,)) for context in small_plan.contexts)
    results = compute_results(small_plan, [*rate(one, [1, 2, 3]), *rate(two, [5])])
    groups = results.ratings[A]["empathy"]
    assert groups["all"].mean == (2 + 5) / 2  # not (1 + 2 + 3 + 5) / 4
    assert (groups["all"].low, groups["all"].high, groups["all"].contexts) == (2, 5, 2)
    means = {polarity(small_plan.examples[item.example].emotion): item for item in (one, two)}
    for group, item in means.items():
        expected = 2.0 if item == one else 5.0
        assert groups[group] == Mean(expected, expected, expected, 1)
    assert results.ratings[B]["empathy"]["all"] == Mean(None, None, None, 0)
    assert (results.contexts, results.rated, results.to_rate) == (2, 1, 4)


def test_the_interval_is_that_of_a_mean(plan: Plan) -> None:
    scores = [1 + context % 5 for context in plan.contexts]
    votes = [
        vote
        for context, score in zip(plan.contexts, scores, strict=True)
        for vote in rate(Item(context, (A,)), [score] * 3)
    ]
    found = compute_results(plan, votes).ratings[A]["empathy"]["all"]
    error = 1.96 * np.std(scores) / np.sqrt(len(scores))
    assert found.mean == pytest.approx(np.mean(scores))
    assert found.low == pytest.approx(np.mean(scores) - error, abs=0.03)
    assert found.high == pytest.approx(np.mean(scores) + error, abs=0.03)


def test_a_surplus_rating_does_not_count(small_plan: Plan) -> None:
    item = Item(small_plan.contexts[0], (A,))
    results = compute_results(small_plan, rate(item, [1, 1, 1, 5]))
    assert results.ratings[A]["empathy"]["all"].mean == 1
    assert results.annotators["d"] == Annotator(1, 0, 0, 1)


def test_pairs_are_counted_after_the_verdict_rule(plan: Plan) -> None:
    pair = plan.pairs[0]
    given: list[list[Choice]] = [
        ["first", "first", "tie"],
        ["first", "second", "tie", "first"],
        ["second", "second", "first"],
        ["tie", "tie", "tie"],
        ["first", "second", "tie"],  # disputed
        ["first", "first"],  # unfinished
    ]
    votes = [
        vote
        for context, choices in zip(plan.contexts, given, strict=False)
        for vote in compare(Item(context, pair), choices)
    ]
    results = compute_results(plan, votes)
    assert results.comparisons[0] == PairResult(
        *pair, wins=50, losses=25, ties=25, decided=4, disputed=1, unfinished=32 - 5
    )
    assert results.comparisons[1] == PairResult(
        *plan.pairs[1], wins=None, losses=None, ties=None, decided=0, disputed=0, unfinished=32
    )
    assert results.annotators["a"] == Annotator(0, 6, 0, 0)


def test_agreement_is_krippendorffs_alpha(plan: Plan) -> None:
    # Three of the observers in Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011),
    # section D: what counts here are three votes an item.
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    ]
    votes = [
        Vote(Item(plan.contexts[unit], (A,)), f"observer {number}", Scores(score, 3, score))
        for number, observer in enumerate(observers)
        for unit, score in enumerate(observer)
        if score
    ]
    found = compute_results(plan, votes).agreement
    assert found["empathy"] == pytest.approx(alpha_by_hand(observers), abs=1e-6)
    assert found["fluency"] == found["empathy"]
    assert found["relevance"] is None  # all alike: there is nothing to disagree on
    assert found["choice"] is None


def alpha_by_hand(observers: list[list[int]]) -> float:
    """1 - observed / expected disagreement with the ordinal metric, in the textbook's own steps."""
    coincidences = np.zeros((6, 6))
    for unit in zip(*observers, strict=True):
        values = [value for value in unit if value]
        for at, one in enumerate(values):
            for other in values[:at] + values[at + 1 :]:
                coincidences[one, other] += 1 / (len(values) - 1)
    totals = coincidences.sum(0)
    disagreement = np.zeros((6, 6))
    for one in range(1, 6):
        for other in range(one + 1, 6):
            between = totals[one : other + 1].sum() - (totals[one] + totals[other]) / 2
            disagreement[one, other] = disagreement[other, one] = between**2
    observed = (coincidences * disagreement).sum()
    expected = (np.outer(totals, totals) * disagreement).sum() / (totals.sum() - 1)
    return float(1 - observed / expected)


def test_agreement_on_pairs_is_nominal_and_without_the_fourth(plan: Plan) -> None:
    items = plan.comparisons()
    agreed: list[Choice] = ["first", "first"]
    votes = compare(items[0], agreed) + compare(items[1], ["second", "second"])
    assert compute_results(plan, votes).agreement["choice"] == 1
    votes += compare(items[2], ["first", "second", "tie"])
    before = compute_results(plan, votes).agreement["choice"]
    fourth = Vote(items[2], "d", "tie")
    assert compute_results(plan, [*votes, fourth]).agreement["choice"] == before != 1


def test_changed_answers_are_told(small_plan: Plan) -> None:
    item = Item(small_plan.contexts[0], (A,))
    votes = [vote._replace(revision=2) for vote in rate(item, [4])]
    assert compute_results(small_plan, votes).annotators == {"a": Annotator(1, 0, 1, 0)}


def test_results_are_tables_and_json(small_plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    votes = rate(Item(small_plan.contexts[0], (A,)), [4, 4, 5])
    votes += compare(small_plan.comparisons()[0], ["first", "first", "tie"])
    results = compute_results(small_plan, votes)
    results = replace(results, annotators={"[red] jörg": Annotator(1, 2, 3, 4)})
    show(results, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["ratings"][A]["empathy"]["all"]["mean"] == pytest.approx(13 / 3)
    assert found["comparisons"][0]["wins"] == 100
    assert found["agreement"]["relevance"] is None
    show(results, as_json=False)
    table = capsys.readouterr().out
    for text in ("4.33 [4.33, 4.33]", "100.00", "[red] jörg", A, B, "1 of 4 replies"):
        assert text in table


@pytest.mark.parametrize("columns", [20, 40])
def test_a_narrow_terminal_loses_nothing(
    small_plan: Plan,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    results = compute_results(small_plan, rate(Item(small_plan.contexts[0], (A,)), [4, 4, 5]))
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    show(results, as_json=False)
    table = capsys.readouterr().out
    for text in ("empathy", "4.33 [4.33, 4.33]", A, B, "disputed", "unfinished", "surplus"):
        assert text in table


def test_an_evaluation_without_votes_has_results(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    results = compute_results(plan, [])
    assert set(results.agreement.values()) == {None}
    show(results, as_json=False)
    assert "0 of 96 replies" in capsys.readouterr().out
