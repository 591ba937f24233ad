"""Stop strings: where a text is cut, what of a stream may be shown, and when a reply is over."""

import doctest
import gc
import random
from functools import cache
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast import _C
from mime_fast.text import stop as stops
from mime_fast.text.detokenizer import detokenize
from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.special import SPECIAL_WORDS
from mime_fast.text.stop import ReplyText, StopStream, find_stop
from mime_fast.text.subword_tokenizer import SubwordTokenizer
from mime_fast.text.tokenizer import CLS, Tokenizer
from tests.oracle.stop import is_stopped

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


STOPS_OF_WORDS = st.lists(st.text("abioOI!: )n't", min_size=1, max_size=6), min_size=1, max_size=3)


def check_stop(
    tokenizer: ReplyTokenizer, ids: list[int], stop: list[str], order: random.Random
) -> None:
    """Compare C++ with its twin, for each length of a reply, in any order."""
    condition = _C.TextStop(tokenizer.reply_words, stop)
    lengths = list(range(1, len(ids) + 1))
    order.shuffle(lengths)
    for length in lengths:
        assert condition(ids[:length]) == is_stopped(tokenizer, ids[:length], stop)


@given(
    ids=st.lists(st.integers(CLS + 1, CLS + 30), min_size=1, max_size=12),
    stop=STOPS_OF_WORDS,
    order=st.randoms(),
)
def test_a_reply_is_over_when_its_text_contains_one(
    tiny_tokenizer: Tokenizer, ids: list[int], stop: list[str], order: random.Random
) -> None:
    check_stop(tiny_tokenizer, ids, stop, order)


HARD_WORDS = (
    *("i", "n't", "'s", ":", ";", ")", "d", "p", ".", "...", "ok.", "mr", "'", "``", "(", "usa"),
    *("\u00e9t\u00e9", "\u00df", "\u01f0", "\u0149", "\u4f60\u597d", "\u0663", "\u01c6"),
    *("\ufb01sh", "\u1fb3", "\u0131", "monday", "christmas", "can", "not", "<", "3", "x\u0301"),
)


@given(
    ids=st.lists(st.integers(0, len(SPECIAL_WORDS) + len(HARD_WORDS) - 1), max_size=12),
    stop=st.lists(
        st.sampled_from([*HARD_WORDS, " ", ":)", "\u00c9", "I", "USA", "\u00e9 "]),
        min_size=1,
        max_size=3,
    ),
    order=st.randoms(),
)
def test_words_that_are_written_in_other_ways(
    ids: list[int], stop: list[str], order: random.Random
) -> None:
    check_stop(hard_tokenizer(), ids, stop, order)


@cache
def hard_tokenizer() -> Tokenizer:
    return Tokenizer.from_words(HARD_WORDS)


@given(data=st.data(), stop=STOPS_OF_WORDS, order=st.randoms())
def test_pieces(
    tiny_subwords: SubwordTokenizer, data: st.DataObject, stop: list[str], order: random.Random
) -> None:
    ids = st.integers(0, tiny_subwords.vocab_size - 1)
    more = st.lists(st.sampled_from(["\ufffd", " ", "\u00e9"]), max_size=1)
    drawn = data.draw(st.lists(ids, max_size=12))
    check_stop(tiny_subwords, drawn, [*stop, *data.draw(more)], order)


def test_an_id_that_no_word_has(tiny_tokenizer: Tokenizer) -> None:
    size = tiny_tokenizer.vocab_size
    for wrong in (-1, size):
        with pytest.raises(ValueError, match=rf"must be in \[0, {size}\), got {wrong}"):
            _C.TextStop(tiny_tokenizer.reply_words, ["a"])([wrong])


def test_stop_strings_that_are_refused(tiny_tokenizer: Tokenizer) -> None:
    for wrong, error in (([], "at least one text"), (["a", ""], "no empty text")):
        with pytest.raises(ValueError, match=error):
            _C.TextStop(tiny_tokenizer.reply_words, wrong)


def test_the_words_outlive_their_tokenizer() -> None:
    stop = _C.TextStop(Tokenizer.from_words(["so", "sorry"]).reply_words, ["Sorry"])
    gc.collect()
    first = len(SPECIAL_WORDS)
    assert [stop([first]), stop([first + 1])] == [False, True]


def test_a_colon_waits_for_the_next_word(tiny_tokenizer: Tokenizer) -> None:
    condition = _C.TextStop(tiny_tokenizer.reply_words, [":"])
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
