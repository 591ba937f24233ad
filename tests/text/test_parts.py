"""Long texts are read in parts, which changes no word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.bundled import folder_of
from mime_fast.text.characters import plain_characters
from mime_fast.text.parts import LONGEST_PART, parts_of, sentences_apart
from mime_fast.text.tokenizer import Tokenizer
from tests.text.signals import plain_text

# What people type, and what the rules for words look at.
TYPED = st.text(
    "aAbiItTsSnN.,!?:;'\"-()1 \n\t\u2019\u2026\u00e9\u0301\u00b4\U0001f415\u200d\ufe0f$#@_*`",
    max_size=12,
)
# A blank between letters is in each piece of 20 characters.
SENTENCES = st.lists(TYPED.map(lambda typed: f"ab{typed}cd"), min_size=2).map(" ".join)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(folder_of("mime-small") / "tokenizer.json")


@given(text=st.text("ab.\n \u00e9", max_size=60), longest=st.integers(1, 9))
def test_the_parts_are_the_text_and_none_is_too_long(text: str, longest: int) -> None:
    parts = parts_of(text, longest)
    assert "".join(parts) == text
    assert all(0 < len(part) <= longest for part in parts) or parts == [""]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        ("ab cd ef", ["ab cd", " ef"]),
        ("ab cd. ef", ["ab", " cd.", " ef"]),
        ("ab\ncd. ef", ["ab", "\ncd.", " ef"]),
        ("a. b. c. d", ["a. b.", " c. d"]),  # no better place
        ("abcdefgh", ["abcdef", "gh"]),
        ("1 2 3 4 5", ["1 2 3", " 4 5"]),
        ("\u00e9 \u00e9 a b c", ["\u00e9 \u00e9 a", " b c"]),
    ],
)
def test_a_part_ends_where_no_rule_looks_across(text: str, parts: list[str]) -> None:
    assert parts_of(text, 6) == parts


@given(text=SENTENCES)
def test_the_words_are_those_of_the_whole_text(tokenizer: Tokenizer, text: str) -> None:
    parts = parts_of(text, 20)
    assert [word for part in parts for word in tokenizer.tokenize(part)] == tokenizer.tokenize(text)
    assert [word for part in parts for word in tokenizer.encode(part)] == tokenizer.encode(text)


@given(text=SENTENCES)
def test_the_plain_characters_are_those_of_the_whole_text(text: str) -> None:
    for step in plain_characters():
        parts = parts_of(text, 20)
        assert "".join(map(step.normalize_str, parts)) == step.normalize_str(text)
        text = step.normalize_str(text)


@given(text=SENTENCES)
def test_the_words_of_long_texts_are_those_of_the_whole(tokenizer: Tokenizer, text: str) -> None:
    text = f"{text} " * (1 + 2 * LONGEST_PART // len(text))
    parts = sentences_apart(text)
    assert "".join(parts) == text
    assert len(parts) > 1
    backend = tokenizer._backend
    assert tokenizer.encode(text) == backend.encode(text, add_special_tokens=False).ids


def test_a_long_message_is_read_as_its_sentences(tokenizer: Tokenizer) -> None:
    sentence = "I can't; Dr. Smith said: \u201cit's 12:30\u201d \u2026 caf\u00e9, and so on"
    text = " ".join([sentence] * 100)
    assert len(text) > 10 * LONGEST_PART
    assert tokenizer.encode(text) == tokenizer.encode(sentence) * 100
    assert tokenizer.tokenize(text) == tokenizer.tokenize(sentence) * 100
    words = plain_text(text).split()
    assert words == plain_text(sentence).split() * 100


@pytest.mark.parametrize("character", ["\ufdfa", "\U0001f415", "'", "\u4f60", "\u0301", "."])
def test_a_long_text_without_a_blank_is_read(tokenizer: Tokenizer, character: str) -> None:
    text = character * (3 * LONGEST_PART)
    assert len(tokenizer.tokenize(text)) == len(tokenizer.encode(text))
