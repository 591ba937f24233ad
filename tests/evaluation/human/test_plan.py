"""Contexts, pairs, orders and sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.human.plan import Item, Plan, draw_plan
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.text.detokenizer import natural_text
from mime_fast.text.examples import Example


@pytest.mark.parametrize("each", [1, 2, 3])
def test_every_emotion_has_as_many_contexts(
    examples: list[Example], outputs: list[Outputs], each: int
) -> None:
    plan = draw_plan(examples, outputs, contexts=32 * each)
    assert len(set(plan.contexts)) == 32 * each
    assert set(Counter(examples[i].emotion for i in plan.contexts).values()) == {each}


def test_the_seed_draws_the_contexts_the_orders_and_the_sides(
    examples: list[Example], outputs: list[Outputs]
) -> None:
    first, again, other = (
        draw_plan(examples, outputs, contexts=32, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.contexts != other.contexts
    assert first.order("ann") == again.order("ann")
    same = replace(first, seed=2)  # the same contexts
    assert first.order("ann") != same.order("ann")
    assert sides(first, "ann") != sides(same, "ann")


def sides(plan: Plan, annotator: str) -> list[tuple[str, ...]]:
    return [plan.sides(annotator, item) for item in plan.comparisons()]


def test_each_annotator_gets_every_item_in_an_own_order_ratings_first(plan: Plan) -> None:
    orders = [plan.order(name) for name in ("ann", "bob")]
    assert orders[0] != orders[1]
    for order in orders:
        assert [item.is_pair for item in order] == [False] * 96 + [True] * 64
        assert set(order) == {*plan.ratings(), *plan.comparisons()}
    assert sides(plan, "ann") != sides(plan, "bob")


def test_each_system_is_as_often_on_the_left(plan: Plan) -> None:
    names = [f"annotator {number}" for number in range(50)]
    left = Counter(plan.sides(name, item)[0] for name in names for item in plan.comparisons())
    assert 0.47 < left["plum-system"] / left.total() < 0.53  # 3,200 draws: 3.4 deviations


def test_the_first_system_is_compared_with_every_other(plan: Plan) -> None:
    assert plan.pairs == (("plum-system", "kiwi-system"), ("plum-system", "fig-system"))
    assert Item(plan.contexts[0], plan.pairs[0]) in plan.comparisons()


def test_a_system_with_one_decoding_shows_that(
    examples: list[Example], outputs: list[Outputs]
) -> None:
    only = Outputs("other", {"unstated": ["so do i ."] * len(examples)})
    plan = draw_plan(examples, [*outputs, only], decoding="beam", contexts=32)
    assert set(plan.texts["plum-system"].values()) == {"I see."}
    assert set(plan.texts["other"].values()) == {"So do I."}
    with pytest.raises(ValueError, match=r"no 'topk' replies; use one of: greedy, beam"):
        draw_plan(examples, outputs, decoding="topk", contexts=32)


def test_the_identity_changes_with_everything_that_votes_depend_on(
    examples: list[Example], outputs: list[Outputs], plan: Plan
) -> None:
    changed = [Outputs("plum-system", {"greedy": ["no ."] * len(examples)}), *outputs[1:]]
    others: list[Callable[[], Plan]] = [
        lambda: draw_plan(examples, outputs, contexts=64),
        lambda: draw_plan(examples, outputs, contexts=32, seed=1),
        lambda: draw_plan(examples, outputs, contexts=32, decoding="beam"),
        lambda: draw_plan(examples, outputs[::-1], contexts=32),
        lambda: draw_plan(examples, outputs[:2], contexts=32),
        lambda: draw_plan(examples, changed, contexts=32),
        lambda: draw_plan(examples[::-1], outputs, contexts=32),
        lambda: draw_plan(examples, outputs, contexts=32, pairs=[plan.pairs[1]]),
    ]
    ids = {plan.id, *(other().id for other in others)}
    assert len(ids) == len(others) + 1
    assert draw_plan(examples, outputs, contexts=32).id == plan.id


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"contexts": 100}, "contexts must be a multiple of 32, as many of each emotion, got 100"),
        ({"contexts": 0}, "multiple of 32.*got 0"),
        ({"contexts": -32}, "multiple of 32.*got -32"),
        ({"contexts": 128}, "128 contexts need 4 examples of 'surprised', and there are 3; give"),
        (
            {"pairs": [("plum-system", "apple")]},
            "must name two of the systems plum-system, .*:apple",
        ),
        ({"pairs": [("fig-system", "fig-system")]}, "must name two of the systems"),
        (
            {"pairs": [("fig-system", "plum-system"), ("plum-system", "fig-system")]},
            "pair 'fig-system and plum-system' is there 2 times",
        ),
    ],
)
def test_a_plan_that_cannot_be_is_an_error(
    examples: list[Example], outputs: list[Outputs], options: dict[str, Any], error: str
) -> None:
    with pytest.raises(ValueError, match=error):
        draw_plan(examples, outputs, **{"contexts": 32, **options})


def test_a_system_may_be_there_once(examples: list[Example], outputs: list[Outputs]) -> None:
    with pytest.raises(ValueError, match="system 'plum-system' is there 2 times; give its file"):
        draw_plan(examples, [*outputs, outputs[0]], contexts=32)


def test_one_system_is_rated_and_not_compared(
    examples: list[Example], outputs: list[Outputs]
) -> None:
    plan = draw_plan(examples, outputs[:1], contexts=32)
    assert (len(plan.ratings()), len(plan.comparisons())) == (len(EMOTIONS), 0)


def test_replies_are_shown_as_natural_text() -> None:
    assert natural_text("oh no ! i 'm so sorry . :)") == "Oh no! I'm so sorry. :)"
    assert natural_text("why :") == "Why:"
    assert natural_text("") == ""
