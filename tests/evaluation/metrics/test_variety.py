from __future__ import annotations

import pytest

from mime_fast.evaluation.metrics.variety import distinct, distinct_replies, lengths, most_frequent
from tests.evaluation.released import released

DIGITS = (0.00051, 0.00051, 0.0051, 0.0051, 0.0051)  # of the published figures
REPLIES = ["i am sorry .", "i am glad .", "i am glad ."]


def test_distinct_counts_within_replies() -> None:
    assert distinct(REPLIES, 1) == pytest.approx(100 * 5 / 12)
    assert distinct(REPLIES, 2) == pytest.approx(100 * 5 / 9)
    assert distinct(["a"], 2) == 0.0
    assert distinct_replies(REPLIES) == pytest.approx(2 / 3)
    assert distinct_replies([]) == 0.0


def test_lengths_and_the_most_frequent_replies() -> None:
    assert lengths([*REPLIES, "", "a  b"]).tolist() == [4, 4, 4, 0, 2]
    assert most_frequent(REPLIES) == [("i am glad .", 2), ("i am sorry .", 1)]
    assert len(most_frequent([str(number) for number in range(20)])) == 10


@pytest.mark.parametrize(
    ("system", "decoding", "figures"),
    [
        ("released_mime", "greedy", (0.324, 1.24, 13.92, 25.1, 8.11)),
        ("released_mime", "beam", (0.254, 0.87, 12.74, 14.63, 7.97)),
        ("released_mime", "topk", (0.638, 4.295, 13.35, 89.65, 0.74)),
        ("released_trs", "unstated", (0.405, 1.682, 12.39, 27.92, 5.82)),
        ("released_multi_tr", "unstated", (0.628, 3.18, 11.21, 49.74, 3.27)),
        ("released_moel", "unstated", (0.615, 2.886, 11.45, 37.91, 3.9)),
        ("released_moel_oracle", "unstated", (0.384, 1.599, 11.49, 25.92, 5.69)),
    ],
)
def test_the_released_outputs_have_the_published_figures(
    system: str, decoding: str, figures: tuple[float, ...]
) -> None:
    replies = released(system).replies[decoding]
    found = (
        distinct(replies, 1),
        distinct(replies, 2),
        lengths(replies).mean(),
        100 * distinct_replies(replies),
        100 * most_frequent(replies)[0][1] / len(replies),
    )
    for ours, published, tolerance in zip(found, figures, DIGITS, strict=True):
        assert ours == pytest.approx(published, abs=tolerance)
