from __future__ import annotations

import pytest

from mime_fast.evaluation.metrics import corpus_bleu, distinct, distinct_replies
from tests.evaluation.released import released_outputs

REPLIES = [["i", "am", "sorry", "."], ["i", "am", "glad", "."], ["i", "am", "glad", "."]]


def test_equal_texts_score_a_hundred() -> None:
    assert corpus_bleu(REPLIES, REPLIES) == pytest.approx(100)


def test_case_does_not_count_and_lengths_must_fit() -> None:
    assert corpus_bleu([["I", "AM", "sorry", "."]], REPLIES[:1]) == pytest.approx(100)
    with pytest.raises(ValueError, match="3 replies do not fit 2 references"):
        corpus_bleu(REPLIES, REPLIES[:2])


def test_distinct_counts_within_replies() -> None:
    assert distinct(REPLIES, 1) == pytest.approx(100 * 5 / 12)
    assert distinct(REPLIES, 2) == pytest.approx(100 * 5 / 9)
    assert distinct([["a"]], 2) == 0.0
    assert distinct_replies(REPLIES) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("column", "bleu", "distinct_1", "distinct_2"),
    [("Greedy", 2.76, 0.324, 1.240), ("Beam", 3.13, 0.254, 0.870), ("Topk", 1.76, 0.638, 4.295)],
)
def test_the_released_outputs_score_what_their_authors_report(
    column: str, bleu: float, distinct_1: float, distinct_2: float
) -> None:
    replies, references = released_outputs(column), released_outputs("Ref")
    assert corpus_bleu(replies, references) == pytest.approx(bleu, abs=0.005)
    assert distinct(replies, 1) == pytest.approx(distinct_1, abs=0.0005)
    assert distinct(replies, 2) == pytest.approx(distinct_2, abs=0.0005)
