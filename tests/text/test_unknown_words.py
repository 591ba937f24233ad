"""How many words of a turn there are, and how many of them are unknown."""

import pytest

from mime_fast.text import Tokenizer
from mime_fast.text.unknown_words import count_words


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_words(["i", "am", "not", "fine", ".", "!", "'s", "\U0001f612"])


@pytest.mark.parametrize(
    ("turn", "words", "unknown"),
    [
        ("I'm not fine.", 4, 0),
        ("I'm sad!", 3, 1),
        ("fine's", 2, 0),
        ("...?! -- :) $ + ~ \u3002 \u0964", 0, 0),
        ("Ich bin traurig.", 3, 3),
        ("\u4f60\u597d\u3002", 1, 1),
        ("\U0001f612 \U0001f600 \U0001f44d\U0001f3fd", 3, 2),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", 1, 1),
        ("\U0001fac8", 1, 1),  # younger than Python's tables
        ("5 \u0665 \u00bd", 3, 3),
        ("", 0, 0),
    ],
    ids=ascii,
)
def test_words_are_counted_and_punctuation_is_not(
    tokenizer: Tokenizer, turn: str, words: int, unknown: int
) -> None:
    assert count_words(tokenizer, turn, tokenizer.encode(turn)) == (words, unknown)


@pytest.mark.parametrize(("kept", "counts"), [(1, (0, 0)), (2, (1, 1)), (3, (2, 1)), (5, (4, 2))])
def test_only_the_words_that_are_read_are_counted(
    tokenizer: Tokenizer, kept: int, counts: tuple[int, int]
) -> None:
    turn = "xyzzy am not plugh !"
    assert count_words(tokenizer, turn, tokenizer.encode(turn)[-kept:]) == counts
