from __future__ import annotations

import pytest

from mime_fast.training.replies.corpora import LONGEST_TURN, is_wanted, sample

KIND = ["I baked a cake.", "That sounds lovely!"]


@pytest.mark.parametrize(
    "turn",
    [
        "You are an idiot.",
        "IDIOTS everywhere",
        "write to me@home",
        "see www.home",
        "call 555-1234",
        "my number is 12345",
        "word " * (LONGEST_TURN + 1),
        "",
        " \t",
    ],
)
def test_a_conversation_with_such_a_turn_is_left_out(turn: str) -> None:
    assert not is_wanted([*KIND, turn])


@pytest.mark.parametrize("turn", ["The skills of a classic sexton.", "It cost 1,200 dollars."])
def test_words_that_only_look_alike_are_kept(turn: str) -> None:
    assert is_wanted([*KIND, turn])


def test_a_single_turn_is_no_conversation() -> None:
    assert not is_wanted(KIND[:1])


def test_a_sample_is_as_large_as_asked_and_repeats_with_its_seed() -> None:
    conversations = [[f"I saw {n}.", "Nice!"] for n in range(50)] + [["x", "what a jerk"]] * 50
    found = list(sample(conversations, 30, seed=1))
    assert sum(map(len, found)) == 30
    assert found == list(sample(conversations, 30, seed=1))
    assert found != list(sample(conversations, 30, seed=2))
    assert len(list(sample(conversations, 1000, seed=1))) == 50
