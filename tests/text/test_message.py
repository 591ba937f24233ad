"""What may be sent as a message or a history."""

from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.text.escapes import strip_escapes
from mime_fast.text.message import MAX_CHARACTERS, MOST_OF_ONE, check_turns, turns_to_search


@pytest.mark.parametrize(
    ("message", "turns"),
    [
        ("hello", ["hello"]),
        (b"hello", ["hello"]),
        ("h\u00e9llo \U0001f600".encode(), ["h\u00e9llo \U0001f600"]),
        ("  spaces stay ", ["  spaces stay "]),
        ("a pair \ud83d\ude00", ["a pair \U0001f600"]),
        (["one"], ["one"]),
        (("one", b"two", "three"), ["one", "two", "three"]),
        ("x" * MAX_CHARACTERS, ["x" * MAX_CHARACTERS]),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_message_becomes_a_list_of_turns(message: Any, turns: list[str]) -> None:
    assert check_turns(message) == turns


@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_history_of_even_length_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=rf"odd number of turns \(speaker first.*got {count}$"):
        check_turns(["turn"] * count)


@pytest.mark.parametrize("turn", ["", " ", "\n\t \u2003", b"", b" \r\n"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_empty_turn_is_named(turn: str | bytes, number: int) -> None:
    turns: list[str | bytes] = ["one", "two", "three"]
    turns[number - 1] = turn
    with pytest.raises(ValueError, match=rf"^turn {number} is empty; write at least one word$"):
        check_turns(turns)


def test_a_turn_that_is_too_long_is_named() -> None:
    with pytest.raises(ValueError, match=r"turn 3 has 100001 characters, .* 100000; shorten it"):
        check_turns(["a", "b", "x" * (MAX_CHARACTERS + 1)])


@pytest.mark.parametrize("turn", ["\ufdfa" * 5_556, "a" + "\u2026" * 33_334, "\u3300" * 25_001])
def test_a_turn_that_normalisation_makes_too_long_is_named(turn: str) -> None:
    error = (
        r"^turn 2 has more than 100000 characters once they are normalised \(NFKC\); shorten it$"
    )
    with pytest.raises(ValueError, match=error):
        check_turns(["a", turn, "b"])


@pytest.mark.parametrize("turn", ["\ufdfa" * 5_555, "\u2026" * 33_333, "\u00e9" * MAX_CHARACTERS])
def test_a_turn_that_normalisation_leaves_short_enough_passes(turn: str) -> None:
    assert check_turns(turn) == [turn]


def test_no_character_becomes_more_by_normalisation() -> None:
    lengths = {len(normalize("NFKC", chr(c))) for c in range(0x110000)}
    assert max(lengths) == MOST_OF_ONE


def test_rules_search_the_latest_turns_of_the_speaker() -> None:
    assert turns_to_search(["a"]) == [0]
    assert turns_to_search(["a", "b", "c", "d", "e"]) == [4, 2, 0]
    long, half = "x" * MAX_CHARACTERS, "x" * (MAX_CHARACTERS // 2)
    assert turns_to_search([half, long, half, long, half]) == [4, 2]
    assert turns_to_search([half, long, "x", long, long]) == [4]


@pytest.mark.parametrize(
    "turn", [b"\xff", b"caf\xe9", "\ud800", "ok \udce9", "\ude00\ud83d", b"\xed\xa0\x80"]
)
def test_text_that_is_not_unicode_is_named(turn: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"^turn 1 is not valid UTF-8: .*; send UTF-8 text$") as it:
        check_turns(turn)
    assert type(it.value) is ValueError
    assert str(it.value).isprintable()


@pytest.mark.parametrize(("turn", "kind"), [(5, "int"), (None, "NoneType"), (["nested"], "list")])
def test_a_turn_of_another_type_is_named(turn: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=rf"^turn 2 must be a str, got {kind}"):
        check_turns(["one", turn, "three"])


@pytest.mark.parametrize("message", [None, 5, 2.5, object(), {"a"}, {"text": "hello"}])
def test_a_message_of_another_type_is_named(message: Any) -> None:
    kind = type(message).__name__
    with pytest.raises(TypeError, match=rf"a message must be a str or a list of str, got {kind}"):
        check_turns(message)


@given(text=st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_passes_without_escapes_or_is_a_value_error(text: str) -> None:
    try:
        turns = check_turns(text)
    except ValueError as error:
        assert str(error).startswith("turn 1 is ")  # noqa: PT017 - both ends are right
    else:
        joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        assert turns == [strip_escapes(joined)]
        assert check_turns(joined.encode()) == turns
