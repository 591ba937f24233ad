"""Stop strings: where a text is cut, what of a stream may be shown, and when a reply is over."""

import doctest
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.text import stop as stops
from mime_fast.text.detokenizer import detokenize
from mime_fast.text.stop import ReplyText, StopCondition, StopStream, find_stop
from mime_fast.text.tokenizer import CLS, Tokenizer

TEXT = st.text("ab. ", max_size=20)
STOPS = st.lists(st.text("ab. ", min_size=1, max_size=5), max_size=4)


def shown(pieces: list[str], stop: list[str]) -> list[str]:
    stream = StopStream(stop)
    return [*map(stream.push, pieces), stream.finish()]


def cut(text: str, stop: list[str]) -> str:
    place = find_stop(text, stop)
    return text if place < 0 else text[:place]


@given(pieces=st.lists(TEXT, max_size=12), stop=STOPS)
def test_a_stream_shows_the_text_before_the_first_stop_string(
    pieces: list[str], stop: list[str]
) -> None:
    texts = list(accumulate(pieces, initial=""))
    whole = next((text for text in texts if find_stop(text, stop) >= 0), texts[-1])
    assert "".join(shown(pieces, stop)) == cut(whole, stop)


@given(pieces=st.lists(TEXT, max_size=12), stop=STOPS)
def test_it_holds_back_what_may_become_a_stop_string_and_nothing_else(
    pieces: list[str], stop: list[str]
) -> None:
    for count in range(len(pieces)):
        stream = StopStream(stop)
        seen = "".join(map(stream.push, pieces[:count]))
        whole = "".join(pieces[:count])
        begins = [i for i in range(len(whole)) if any(s.startswith(whole[i:]) for s in stop)]
        assert stream.stopped or seen == whole[: min(begins, default=len(whole))]


@pytest.mark.parametrize(
    ("pieces", "stop", "expected"),
    [
        (["I am", " so", "rry"], ["sorry"], ["I am", " ", "", ""]),
        (["I am", " so", "."], ["sorry"], ["I am", " ", "so.", ""]),
        (["I am", " so"], ["sorry"], ["I am", " ", "so"]),
        (["aab", "aab", "c"], ["aabc"], ["", "aab", "", ""]),
        (["aaa", "b"], ["aab"], ["a", "", ""]),
        (["one two"], ["two", "one"], ["", ""]),  # the first place, not the first string
        (["x", "y"], ["xy"], ["", "", ""]),  # the whole reply
        (["x", "y"], [], ["x", "y", ""]),
        (["stop", " and more"], ["stop"], ["", "", ""]),
        (["ab", "c"], ["b", "abc"], ["a", "", ""]),  # over with the first piece
    ],
)
def test_examples(pieces: list[str], stop: list[str], expected: list[str]) -> None:
    assert shown(pieces, stop) == expected


def test_the_first_of_several_stop_strings_counts() -> None:
    assert find_stop("a b c", ["c", "b"]) == 2
    assert find_stop("a b c", ["b c", "b"]) == 2
    assert find_stop("a b c", ["d"]) == find_stop("a", []) == -1


def test_upper_and_lower_case_differ() -> None:
    assert cut("Oh no! I am sorry.", ["i am"]) == "Oh no! I am sorry."
    assert cut("Oh no! I am sorry.", ["I am"]) == "Oh no! "


@given(
    words=st.lists(st.integers(CLS + 1, CLS + 30), min_size=1, max_size=12),
    stop=st.lists(st.text("abioOI!: )n't", min_size=1, max_size=6), min_size=1, max_size=3),
    order=st.randoms(),
)
def test_a_reply_is_over_when_its_text_contains_one(
    tiny_tokenizer: Tokenizer, words: list[int], stop: list[str], order: object
) -> None:
    condition = StopCondition(tiny_tokenizer, stop)
    lengths = list(range(1, len(words) + 1))
    order.shuffle(lengths)  # type: ignore[attr-defined]
    for length in lengths:
        detokenizer = tiny_tokenizer.detokenizer()
        text = "".join(detokenizer.push(tiny_tokenizer.word(word)) for word in words[:length])
        assert condition(words[:length]) == (find_stop(text, stop) >= 0)


def test_the_replies_in_progress_that_are_kept_are_limited(
    tiny_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stops, "MOST_IN_PROGRESS", 5)
    condition = StopCondition(tiny_tokenizer, ["og"])
    dog = tiny_tokenizer.encode("dog")
    for word in range(CLS + 1, tiny_tokenizer.vocab_size):
        assert condition([word]) == ([word] == dog)
        assert condition([word, *dog])
        assert len(condition._progress) <= 5


def test_a_colon_waits_for_the_next_word(tiny_tokenizer: Tokenizer) -> None:
    condition = StopCondition(tiny_tokenizer, [":"])
    colon, bracket = tiny_tokenizer.encode(": )")
    assert detokenize([":", ")"]) == ":)"
    assert not condition([colon])
    assert condition([colon, bracket])


@pytest.mark.parametrize(
    ("stop", "text", "stopped"),
    [
        ([], "I am sorry:", False),
        ([":"], "I am sorry", True),  # the colon waits until the end
        (["sorry:"], "I am ", True),
        (["sorry:)"], "I am sorry:", False),
        (["sorry"], "I am ", True),
    ],
)
def test_the_text_of_a_reply(
    tiny_tokenizer: Tokenizer, stop: list[str], text: str, *, stopped: bool
) -> None:
    reply = ReplyText(tiny_tokenizer, stop)
    assert "".join([reply.push(tiny_tokenizer.encode("i am sorry :")), reply.finish()]) == text
    assert reply.stopped == stopped


def test_the_example_of_the_docstring() -> None:
    assert doctest.testmod(stops).failed == 0
