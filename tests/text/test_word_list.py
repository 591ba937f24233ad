"""Lists of words and phrases: whole words, any ending, phrases, comments."""

from pathlib import Path

import pytest

from mime_fast.text.word_list import WordList


@pytest.fixture
def words(tmp_path: Path) -> WordList:
    path = tmp_path / "list.txt"
    path.write_text("# a comment, not a word\ndie, passed away, chemo*\n\nno heart*, didn't wake\n")
    return WordList(path)


@pytest.mark.parametrize(
    "text",
    [
        "they die",
        "die!",
        "she passed away, today",
        "chemo",
        "my chemotherapy",
        "there was no heartbeat",
        "he didn't wake up",
    ],
)
def test_a_pattern_occurs(words: WordList, text: str) -> None:
    assert words.occurs_in(text)


@pytest.mark.parametrize(
    "text",
    ["", "a diet", "indie", "passed the exam", "away passed", "no", "a comment", "alchemo", "didn"],
)
def test_nothing_occurs(words: WordList, text: str) -> None:
    assert not words.occurs_in(text)


def test_its_words_are_known(words: WordList) -> None:
    assert {"die", "passed", "away", "chemo", "heart", "didn't"} <= words.words
