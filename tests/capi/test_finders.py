"""The finders of crises, of grave messages and of replies that do not suit, in both languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.text.crisis import crisis_reply
from mime_fast.text.crisis.finder import rules
from mime_fast.text.crisis.patterns import parse
from mime_fast.text.crisis.tables import sections
from mime_fast.text.grave.finder import FOLDER, Gravity, careful_replies, is_cheerful, suits
from tests.capi.conftest import Probe
from tests.capi.utterances import characters, data, literals, phrasings
from tests.text.signals import crisis_in, gravity_in, plain_text

KNOWN = sorted(
    {
        word
        for rule in rules()
        for element in parse(rule.pattern, rule.other)
        for phrase in element.phrases
        for word in phrase.split()
    }
)
GRAVE = sorted(
    {
        word
        for table in ("patterns", "harmless")
        for listed in sections(table, FOLDER).values()
        for pattern in listed
        for element in parse(pattern)
        for phrase in element.phrases
        for word in phrase.split()
    }
    - {"<", ">"}
)
NEAR = (
    "not",
    "never",
    "no",
    "i",
    "my",
    "he",
    "you",
    ".",
    "in",
    "movie",
    "used",
    "to",
    "kms",
    "dont",
)
OBFUSCATED = st.text("kil sucde!1*#.-_@$|03k ", max_size=40)


def expected(turns: list[str]) -> str:
    crisis = crisis_in(*turns)
    if crisis is None:
        return ""
    reply = crisis_reply(crisis, len(turns))
    return f"{crisis.category} {crisis.about} {crisis.turn} {reply}"


def check(probe: Probe, text: str) -> None:
    assert probe("crisis", text) == expected([text]), text
    assert int(probe("gravity", text)) == gravity_in(text), text
    assert (probe("is_cheerful", text) == "yes") == is_cheerful(text), text
    death = Gravity.DEATH
    assert (probe("suits", text, str(int(death))) == "yes") == suits(text, death), text


def test_the_phrasings(probe: Probe) -> None:
    found = [expected([text]) for text in phrasings()]
    assert sum(map(bool, found)) > 500
    for text in phrasings():
        check(probe, text)


def test_the_texts_of_the_tests(probe: Probe) -> None:
    for text in literals():
        check(probe, text)


def test_the_data(probe: Probe) -> None:
    for text in data():
        check(probe, text)


@pytest.mark.parametrize(
    "turns",
    [
        ["I want to die", "Oh no.", "Yes, tonight."],
        ["I want to die", "a", "b", "c", "hello", "d", "yes"],
        ["hello", "I want to die", "hello"],
        ["he beat me", "Oh.", "he said he wants to kill her"],
        ["My father died", "Oh.", "Thanks"],
    ],
)
def test_histories(probe: Probe, turns: list[str]) -> None:
    assert probe("crisis", *turns) == expected(turns)
    assert int(probe("gravity", *turns)) == gravity_in(*turns)


@given(words=st.lists(st.sampled_from((*KNOWN, *NEAR * 20)), min_size=3, max_size=120))
def test_words_of_the_rules_in_any_order(probe: Probe, words: list[str]) -> None:
    check(probe, " ".join(words))


@given(data=st.data())
def test_the_patterns_themselves(probe: Probe, data: st.DataObject) -> None:
    """Words that a pattern matches, in front of what takes a signal back and behind it."""
    rule = data.draw(st.sampled_from(rules()))
    elements = parse(rule.pattern, rule.other)
    chosen = [data.draw(st.sampled_from(e.phrases)) for e in elements if e.phrases]
    before = data.draw(st.lists(st.sampled_from(NEAR), max_size=3))
    after = data.draw(st.lists(st.sampled_from(NEAR), max_size=4))
    words = [*before, *(word for word in chosen if word not in "<>"), *after]
    check(probe, " ".join(words))


@given(text=OBFUSCATED)
def test_hidden_words(probe: Probe, text: str) -> None:
    check(probe, text)
    assert probe("plain_text", text) == plain_text(text)


@given(text=st.text(st.sampled_from(characters())))
def test_any_characters(probe: Probe, text: str) -> None:
    assert probe("plain_text", text) == plain_text(text)


@given(words=st.lists(st.sampled_from((*GRAVE, *NEAR * 20)), min_size=3, max_size=120))
def test_words_of_the_grave_patterns_in_any_order(probe: Probe, words: list[str]) -> None:
    check(probe, " ".join(words))


@pytest.mark.parametrize("table", ["patterns", "harmless"])
def test_every_pattern_of_grave_messages(probe: Probe, table: str) -> None:
    for listed in sections(table, FOLDER).values():
        for pattern in listed:
            phrases = [element.phrases[0] for element in parse(pattern) if element.phrases]
            check(probe, " ".join(phrase for phrase in phrases if phrase not in "<>"))


def test_every_idiom(probe: Probe) -> None:
    for pattern in sections("exceptions")["idioms"]:
        phrases = [element.phrases[0] for element in parse(pattern) if element.phrases]
        check(probe, " ".join(["i", *phrases, "to", "die"]))


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 - 1])
@pytest.mark.parametrize("count", [1, 6, 9])
@pytest.mark.parametrize("gravity", list(Gravity))
def test_careful_replies(probe: Probe, seed: int, count: int, gravity: Gravity) -> None:
    replies = careful_replies(seed, count, gravity)
    assert probe("careful", str(seed), str(count), str(int(gravity))) == "|".join(replies)
