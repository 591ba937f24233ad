"""Signals of a crisis: the tables, the development phrasings, and every kind of exception."""

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.text.crisis import CATEGORIES, crisis_reply, find_crisis, speaker_turns
from mime_fast.text.crisis.finder import rules
from mime_fast.text.crisis.patterns import match, needed, parse, search
from mime_fast.text.crisis.spelling import expansions, reveal, sentences_of
from mime_fast.text.crisis.tables import sections
from mime_fast.text.grave.finder import find_gravity
from mime_fast.types import Crisis
from tests.text.signals import crisis_in, gravity_in

DEVELOPMENT = Path(__file__).with_name("crisis_development.jsonl")
PHRASINGS = [json.loads(line) for line in DEVELOPMENT.read_text("utf-8").splitlines()]


def found(*turns: str) -> tuple[str, str] | None:
    crisis = crisis_in(*turns)
    return None if crisis is None else (crisis.category, crisis.about)


def test_every_pattern_is_well_formed() -> None:
    patterns = [(rule.pattern, rule.other) for rule in rules()]
    patterns += [(pattern, False) for pattern in sections("exceptions")["idioms"]]
    for pattern, other in patterns:
        assert all(parse(pattern, other)), pattern
        assert needed(pattern, other)[0], pattern
        assert not re.search(r"[A-Z,;]", pattern), pattern


def test_the_tables_have_the_categories_and_no_line_twice() -> None:
    listed = sections("rules")
    assert {name.removesuffix(" other") for name in listed} == set(CATEGORIES)
    for lines in listed.values():
        assert len(lines) == len(set(lines))


@pytest.mark.parametrize(
    ("pattern", "words", "spans"),
    [
        ("want to die", "i want to die", [(2, 5)]),
        ("want ~2 die", "i want to just die", [(2, 6)]),
        ("want ~1 die", "i want to just die", []),
        ("want ~3 die", "i want to not die", []),
        ("a|b c? d", "a d b c d", [(1, 3), (3, 6)]),
        ("just* die", "just just just die", [(1, 5), (2, 5), (3, 5), (4, 5)]),
        ("< die >", "die", [(1, 2)]),
        ("< die", "i die", []),
        ("die >", "die now", []),
        ("kill $myself", "i kill myself", [(2, 4)]),
    ],
)
def test_the_language_of_patterns(pattern: str, words: str, spans: list[tuple[int, int]]) -> None:
    assert search(pattern, [".", *words.split(), "."]) == spans


def test_a_pattern_of_somebody_else_has_their_words() -> None:
    sentence = [".", "kill", "herself", "."]
    assert match(parse("kill $myself", other=True), sentence, 1) == 3
    assert match(parse("kill $myself"), sentence, 1) == -1


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(KeyError, match="nonesuch"):
        parse("@nonesuch die")
    with pytest.raises(ValueError, match="needs an element that is not optional"):
        needed("die? ~2")


@pytest.mark.parametrize("phrasing", PHRASINGS, ids=lambda each: each["text"][:40].encode())
def test_the_development_phrasings(phrasing: dict[str, str | None]) -> None:
    signal = found(str(phrasing["text"]))
    assert (signal and signal[0]) == phrasing["category"]
    if signal:
        assert signal[1] == ("other" if phrasing["kind"] == "third_person" else "self")


@pytest.mark.parametrize(
    "text",
    [
        "i dont want to die",
        "I don't want to die",
        "I don\u2019t want to die",
        "I never wanted to die",
        "I am not thinking about killing myself",
        "I'm not saying I want to die",
        "I have no intention of killing myself",
        "I would never hurt myself",
        "My friend does not want to die",
        "without killing myself",
    ],
)
def test_what_is_denied_is_no_signal(text: str) -> None:
    assert found(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "I can't stop thinking about killing myself",
        "I don't know, I want to die",
        "I'm not joking. I want to kill myself",
        "I don't want to live anymore",
        "No, I want to die",
        "I am not okay, I want to kill myself",
        "I do not just feel sad, I want to die",
    ],
)
def test_a_negation_of_something_else_hides_no_signal(text: str) -> None:
    assert found(text) is not None


@pytest.mark.parametrize(
    "text", ["the commute is killing me and I want to die", "I almost died laughing. I want to die"]
)
def test_an_idiom_hides_no_signal_beside_it(text: str) -> None:
    assert found(text) == ("wish_to_be_dead", "self")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("k!ll", "kill"),
        ("su1cide", "suicide"),
        ("su*cide", "suicide"),
        ("s***ide", "suicide"),
        ("s u i c i d e", "suicide"),
        ("s.u.i.c.i.d.e", "suicide"),
        ("k-i-l-l", "kill"),
        ("killll", "kill"),
        ("k i l l m y s e l f", "kill myself"),
        ("die!", "die!"),
        ("10:30", "10:30"),
        ("b4", "b4"),
        ("a+b", "a+b"),
    ],
)
def test_hidden_words_are_written_out(text: str, plain: str) -> None:
    known = frozenset(("kill", "myself", "suicide", "die"))
    assert reveal(text, known).split() == plain.split()


@pytest.mark.parametrize("wrong", ["sucide", "suicde", "suicid", "suicudal", "myslef", "overdsoe"])
def test_a_wrong_letter_is_mended(wrong: str) -> None:
    assert expansions()[wrong] in {"suicide", "suicidal", "myself", "overdose"}


@pytest.mark.parametrize("word", ["willing", "filling", "fridge", "suicide", "inside", "thyself"])
def test_a_right_word_is_left_alone(word: str) -> None:
    assert word not in expansions()


def test_contractions_are_written_out_with_and_without_an_apostrophe() -> None:
    for text in ("i don't can't i'm he's won't", "i dont cant im hes wont"):
        words = ["i", "do", "not", "can", "not", "i", "am", "he", "is", "will", "not"]
        assert sentences_of(text) == [[".", *words, "."]]


@pytest.mark.parametrize("turns", [1, 3, 5])
def test_the_latest_turn_decides(turns: int) -> None:
    history = ["My husband hits me"] * (turns - 1) + ["I want to die"]
    assert crisis_in(*history) == Crisis("wish_to_be_dead", "self", turns - 1)


def test_earlier_turns_of_the_speaker_count_for_two_more() -> None:
    assert crisis_in("I want to die", "Oh", "Yes, tonight") == Crisis("wish_to_be_dead", "self", 0)
    assert crisis_in("I want to die", "Oh", "Yes", "Oh", "ok") is not None
    assert crisis_in("I want to die", "Oh", "Yes", "Oh", "ok", "Oh", "I got a job") is None


def test_the_listener_is_not_read() -> None:
    assert crisis_in("I lost my dog", "I want to die", "What?") is None


def test_the_speaker_and_the_more_severe_come_first() -> None:
    assert found("I want to die. I just took all my pills.") == ("act_under_way", "self")
    assert found("My friend just took a bottle of pills. I want to die.") == (
        "wish_to_be_dead",
        "self",
    )


def test_every_signal_has_a_careful_reply() -> None:
    texts = [
        crisis_reply(Crisis(category, about, turn), 3)
        for category in CATEGORIES
        for about in ("self", "other")
        for turn in (0, 2)
    ]
    assert len(set(texts)) == 8
    for text in texts:
        assert "local emergency services" in text
        assert not re.search(r"\d|commit|!|promise|will be (fine|ok)", text)
        assert crisis_in(text) is None


@given(st.text(max_size=300))
def test_any_text_is_read_the_same_twice(text: str) -> None:
    assert crisis_in(text) == crisis_in(text)


def test_a_turn_is_read_once_for_all_rules() -> None:
    """Whichever rules come first, they leave the turn to the others as it was."""
    for phrasing in PHRASINGS:
        text = phrasing["text"]
        alone = crisis_in(text), gravity_in(text)
        turns = speaker_turns([text])
        assert (find_crisis(turns), find_gravity(turns), find_crisis(turns)) == (*alone, alone[0])


@pytest.mark.parametrize(
    "text", ["(f*ck it)", "what [a*b", "c*ck)", "+f*ck", "sh*t(:", "a*b{99999999999}", "*", "#"]
)
def test_signs_of_regular_expressions_are_text(text: str) -> None:
    crisis_in(text)


@given(st.text("abf*#()[]{}+?.^$|\\-9 ", max_size=40))
def test_hidden_words_may_stand_beside_any_signs(text: str) -> None:
    crisis_in(text)


def test_all_of_unicode_is_read() -> None:
    every = "".join(map(chr, range(0x110000)))
    for start in range(0, len(every), 100_000):
        crisis_in(every[start : start + 100_000])


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "i want to ",
        "s u i c i d ",
        "k*",
        "aaa ",
        "not to want ",
        "i want to kill my ",
        "'",
        "1a",
    ],
)
def test_the_time_is_linear(unit: str) -> None:
    """A quadratic rule would take 16 times as long for 4 times the text, and more than minutes."""

    def seconds(length: int) -> float:
        started = time.process_time()
        crisis_in((unit * length)[:length])
        return time.process_time() - started

    crisis_in("i want to die")
    short = min(seconds(25_000) for _ in range(3))
    assert seconds(100_000) < 10 * short + 0.2
