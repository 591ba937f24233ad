from __future__ import annotations

import numpy as np
import pytest

from mime_fast.emotions import EMOTIONS, emotion_id
from mime_fast.evaluation.metrics.emotions import confusion, group_hits, hits, macro_f1, recalls
from tests.evaluation.released import released, released_examples

SAD, ANGRY, PROUD, JOYFUL = map(emotion_id, ("sad", "angry", "proud", "joyful"))
GOLD = np.array([SAD, SAD, ANGRY, JOYFUL])
PREDICTED = np.array([SAD, ANGRY, ANGRY, PROUD])


def test_a_hit_is_among_the_likeliest() -> None:
    ranked = [[SAD, ANGRY], [ANGRY, SAD], [PROUD, JOYFUL], [JOYFUL, SAD]]
    assert hits(GOLD, ranked, 1).tolist() == [1, 0, 0, 1]
    assert hits(GOLD, ranked, 2).tolist() == [1, 1, 0, 1]
    assert group_hits(GOLD, PREDICTED).tolist() == [1, 1, 1, 1]
    assert group_hits(np.array([SAD]), np.array([PROUD])).tolist() == [0]


def test_macro_f1_by_hand() -> None:
    # sad 2/3, angry 2/3, joyful and proud 0; 28 emotions are neither given nor recognised
    statistic = macro_f1(GOLD, PREDICTED)
    assert statistic(np.ones((1, 4)))[0] == pytest.approx((2 / 3 + 2 / 3) / len(EMOTIONS))
    assert statistic(np.array([[0.0, 0.0, 3.0, 1.0]]))[0] == pytest.approx(1 / len(EMOTIONS))


def test_confusion_and_recall() -> None:
    counts = confusion(GOLD, PREDICTED)
    assert counts.sum() == 4
    assert counts[SAD, ANGRY] == counts[SAD, SAD] == counts[ANGRY, ANGRY] == 1
    assert recalls(GOLD, PREDICTED) == {"sad": 0.5, "angry": 1.0, "joyful": 0.0}


def test_the_released_recognition_has_the_published_figures() -> None:
    found = released("released_mime").emotions
    assert found is not None
    ranked = [[emotion_id(name) for name in names] for names in found]
    gold = np.array([example.emotion for example in released_examples()])
    predicted = np.array([first for (first,) in ranked])
    assert hits(gold, ranked, 1).sum() == 1833  # of 5,255: 34.881%
    assert 100 * group_hits(gold, predicted).mean() == pytest.approx(77.62, abs=0.005)
    f1 = macro_f1(gold, predicted)(np.ones((1, len(gold))))[0]
    assert 100 * f1 == pytest.approx(33.82, abs=0.005)
