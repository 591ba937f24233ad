import numpy as np
import pytest

from mime_fast.evaluation.page.errors import (
    FLAWS,
    confusions,
    flawed,
    most_surprising,
    sentences,
    single_words,
)


def test_sentences() -> None:
    words = ["oh", "no", "!", "i", "am", "sorry", ".", "..."]
    assert sentences(words) == [("oh", "no"), ("i", "am", "sorry")]


@pytest.mark.parametrize(
    ("reply", "flaws"),
    [
        ("i am sorry . what happened ?", set()),
        ("I am sorry . i am sorry !", {"repeats a sentence"}),
        ("i hope you get it . i hope you do .", {"repeats a run"}),
        ("that is so so sad .", {"stutters"}),
        ("no ! ! !", set()),
        ("i am sorry to hear", {"is unfinished"}),
        ('that is great ! " :)', set()),
        ("i saw UNK .", {"unknown word"}),
        ("", {"is empty"}),
    ],
)
def test_flaws(reply: str, flaws: set[str]) -> None:
    assert {name for name, places in flawed([reply]).items() if places} == flaws


def test_flaws_name_their_replies() -> None:
    found = flawed(["a a .", "fine .", "b b ."])
    assert found["stutters"] == [0, 2]
    assert list(found) == [flaw.name for flaw in FLAWS]


def test_the_most_surprising_tenth_by_cost_a_token() -> None:
    tokens = np.full(20, 2.0)
    tokens[3] = 10  # it costs most, but not a token
    costs = np.arange(20.0)
    costs[3] = 40
    assert np.flatnonzero(most_surprising(costs, tokens)).tolist() == [18, 19]
    assert most_surprising(np.ones(3), np.ones(3)).sum() == 1


def test_words_that_no_other_reference_has() -> None:
    assert single_words(["a dog a", "A cat", "fish fish"]).tolist() == [1, 1, 1]


def test_confusions_leave_out_what_is_right() -> None:
    counts = np.array([[9, 1, 0], [3, 9, 0], [0, 2, 9]])
    assert confusions(counts, 2) == [(1, 0, 3), (2, 1, 2)]
    assert confusions(np.eye(3, dtype=np.int64), 2) == []
