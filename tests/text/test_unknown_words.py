"""How many words of a turn there are, and how many of them are unknown."""

import pytest

from mime_fast.bundled import folder_of
from mime_fast.text import Tokenizer
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.load_tokenizer import load_tokenizer
from mime_fast.text.unknown_words import count_words
from tests.evaluation.released import released_examples


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


def counts_of(checkpoint: str, turns: list[str]) -> list[tuple[int, int]]:
    """Words and unknown words of each turn."""
    tokenizer = load_tokenizer(folder_of(checkpoint) / "tokenizer.json")
    return [
        count_words(tokenizer, turn, encode_dialogue(tokenizer, [turn], 10_000).tokens[1:])
        for turn in turns
    ]


RUSSIAN = (
    "\u042f \u0432\u0447\u0435\u0440\u0430 "
    "\u043f\u043e\u0442\u0435\u0440\u044f\u043b \u0441\u043e\u0431\u0430\u043a\u0443, "
    "\u0438 \u043c\u043d\u0435 "
    "\u043e\u0447\u0435\u043d\u044c \u0433\u0440\u0443\u0441\u0442\u043d\u043e."
)
ARABIC = (
    "\u0644\u0642\u062f \u0641\u0642\u062f\u062a \u0643\u0644\u0628\u064a "
    "\u0623\u0645\u0633 \u0648\u0623\u0646\u0627 \u062d\u0632\u064a\u0646"
)


@pytest.mark.parametrize(
    ("turn", "words", "unknown"),
    [
        ("I lost my dog yesterday.", 5, 0),
        ("I was overwhelmed by their kindness!", 6, 0),
        ("Ich habe gestern meinen Hund verloren und bin sehr traurig dar\u00fcber.", 11, 8),
        (RUSSIAN, 8, 6),
        (ARABIC, 6, 6),
        ("J'ai peur de perdre mon travail.", 7, 3),
        ("T\u00f4i r\u1ea5t bu\u1ed3n v\u00ec m\u1ea5t con ch\u00f3.", 7, 2),
    ],
    ids=ascii,
)
def test_words_of_other_languages_that_are_unknown_to_mime_base(
    turn: str, words: int, unknown: int
) -> None:
    assert counts_of("mime-base", [turn]) == [(words, unknown)]


@pytest.mark.parametrize(("checkpoint", "percent"), [("mime-base", 1.4), ("mime-small", 1.8)])
def test_few_words_of_test_messages_are_unknown(checkpoint: str, percent: float) -> None:
    """The figures of docs/architecture.md and of the card of mime-base."""
    counts = counts_of(checkpoint, [example.context[-1] for example in released_examples()])
    words, unknown = map(sum, zip(*counts, strict=True))
    assert round(100 * unknown / words, 1) == percent
    assert sum(0 < words <= 2 * unknown for words, unknown in counts) == 3
