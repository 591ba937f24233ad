from __future__ import annotations

from mime_fast.evaluation.comparison.draw import draw


def test_the_same_examples_are_drawn_always_and_everywhere() -> None:
    assert draw(0, 5, range(5255)) == [60, 1557, 2422, 2847, 4174]
    assert draw(0, 5, range(5255), "inside") != draw(1, 5, range(5255)) != draw(0, 5, range(5255))


def test_there_may_be_fewer_than_asked_for() -> None:
    assert draw(3, 9, [7, 4, 5]) == [4, 5, 7]
    assert draw(3, 0, [7]) == []
