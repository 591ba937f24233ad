"""Text in C++ and in Python: the same words, ids, text and errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Pipeline
from tokenizers import models
from tokenizers import normalizers as steps

from mime_fast.text.characters import is_visible, plain_characters
from mime_fast.text.detokenizer import natural_text
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.message import check_turns
from mime_fast.text.stop import ReplyText
from mime_fast.text.tokenizer import Tokenizer
from mime_fast.text.unknown_words import count_words
from tests.capi.conftest import Probe
from tests.capi.utterances import (
    ROOT,
    characters,
    data,
    is_text,
    lines_of_characters,
    literals,
    phrasings,
)
from tests.oracle.stop import is_stopped
from tests.text.signals import crisis_in, gravity_in, plain_text

# What people type, and what breaks the rules for words.
TYPED = st.text("aAbiItTsSnN.,!?:;'\"-()1 \n\t\u2019\u2026\u00e9\u0301\U0001f415\u200d\ufe0f$#@_*`")
WORDS = st.text("aeidnrtm'.:;)(-3<$\"`/p", min_size=1, max_size=6)

REPLY_WORDS = ("i", "am", "sorry", "to", "hear", ":", ")", ";", "\u00e9", "\U0001f415", ".", "so")
STOPS = ("sorry", " s", "I", ":)", "\u00e9", ".", "to he", " so", "\U0001f415")


def texts() -> list[str]:
    return [*literals(), *phrasings()]


def check_words(probe: Probe, tokenizer: Tokenizer, text: str) -> None:
    words = tokenizer.tokenize(text)
    assert probe("tokenize", text) == "\x1f".join(words), text
    assert probe("encode", text) == " ".join(map(str, tokenizer.encode(text))), text
    assert probe("detokenize", " ".join(words)) == natural_text(" ".join(words)), text


def test_words_and_text_of_the_tests(probe: Probe, tokenizer: Tokenizer) -> None:
    assert len(texts()) > 2000
    for text in texts():
        check_words(probe, tokenizer, text)


def test_words_and_text_of_the_data(probe: Probe, tokenizer: Tokenizer) -> None:
    for text in data():
        check_words(probe, tokenizer, text)


def test_every_character(probe: Probe, tokenizer: Tokenizer) -> None:
    for text in lines_of_characters(whole=40, share=8):
        assert probe("tokenize", text) == "\x1f".join(tokenizer.tokenize(text))


def test_many_marks_in_a_row(probe: Probe, tokenizer: Tokenizer) -> None:
    """An algorithm that is quadratic in the number of marks would take a minute."""
    check_words(probe, tokenizer, "a" + "\u0301" * 49_000 + "\u0323" * 49_000 + "\u1e69 b")


@given(
    text=st.text(["a", "b", "\u0301", "\u0323", "\u0345", "\u3099", "\u1e69", "\uac00", "\u11a8"])
)
def test_any_marks(probe: Probe, tokenizer: Tokenizer, text: str) -> None:
    check_words(probe, tokenizer, text)


@pytest.mark.parametrize(
    "piece",
    [
        "I can't; Dr. Smith said: 12:30\u2026 caf\u00e9 and so on ",
        "k.i.l.l. m.e. ",
        "a. b,\nc. ",
        "\u4f60\u597d",
        "\U0001f415",
        "\ufdfa",
        "don''t",
        "e\u0301\u0323",
    ],
)
def test_long_texts(probe: Probe, tokenizer: Tokenizer, piece: str) -> None:
    text = piece * (3000 // len(piece))
    check_words(probe, tokenizer, text)
    assert probe("plain_text", text) == plain_text(text)


@given(text=st.text("ab.' \n\u00e9\u0301\U0001f415\ufdfa", min_size=400, max_size=1200))
def test_any_long_text(probe: Probe, tokenizer: Tokenizer, text: str) -> None:
    check_words(probe, tokenizer, text)


def test_the_turns_that_rules_search(probe: Probe) -> None:
    crisis, long = "My mother died. I want to kill myself.", "I am fine today. " * 3000
    for turns in ([crisis, "x", "ok"], [crisis, "x", long], [crisis, "x", long, "x", long]):
        found = crisis_in(*turns)
        expected = f"{found.category} {found.about} {found.turn}" if found else ""
        assert probe("crisis", *turns).startswith(expected)
        assert bool(probe("crisis", *turns)) == (found is not None) == (len(turns) == 3)
        assert int(probe("gravity", *turns)) == gravity_in(*turns) == (2 if len(turns) == 3 else 0)


@given(text=TYPED)
def test_typed_text(probe: Probe, tokenizer: Tokenizer, text: str) -> None:
    check_words(probe, tokenizer, text)


@given(text=st.text(st.sampled_from(characters())))
def test_any_characters(probe: Probe, tokenizer: Tokenizer, text: str) -> None:
    check_words(probe, tokenizer, text)


@given(words=st.lists(WORDS))
def test_any_words(probe: Probe, words: list[str]) -> None:
    assert probe("detokenize", " ".join(words)) == natural_text(" ".join(words))


def test_capitals(probe: Probe) -> None:
    """Every letter that has a capital gets it at the start of a sentence."""
    for c in (c for c in characters() if c.upper() != c):
        assert probe("detokenize", f"{c}a b") == natural_text(f"{c}a b"), ascii(c)


@given(
    turns=st.lists(
        st.lists(st.sampled_from(("I'm", "sad", ".", "Zzyzx", "dog", "", "🐕"))).map(" ".join),
        min_size=1,
        max_size=5,
    ),
    positions=st.integers(2, 20),
)
def test_dialogues(probe: Probe, tokenizer: Tokenizer, turns: list[str], positions: int) -> None:
    expected = encode_dialogue(tokenizer, turns, positions)
    ids = expected.tokens[len(expected.tokens) - expected.last_turn :]
    counts = count_words(tokenizer, turns[-1], ids)
    facts = (expected.dropped_turns, expected.dropped_words, expected.last_turn, *counts)
    parts = (expected.tokens, expected.speakers, facts)
    found = probe("dialogue", str(positions), *turns)
    assert found == "|".join(" ".join(map(str, part)) for part in parts)


def test_counts_of_words(probe: Probe, tokenizer: Tokenizer) -> None:
    for text in texts():
        counts = count_words(tokenizer, text, tokenizer.encode(text))
        found = probe("dialogue", "100000", text).split("|")[2].split()
        assert found[3:] == list(map(str, counts)), text


@given(
    words=st.lists(st.sampled_from(REPLY_WORDS)),
    stop=st.lists(st.sampled_from(STOPS), max_size=3),
)
def test_stop_strings(
    probe: Probe, tokenizer: Tokenizer, words: list[str], stop: list[str]
) -> None:
    text = " ".join(words)
    tokens = tokenizer.encode(text)
    reply = ReplyText(tokenizer, stop)
    pieces = [*(reply.push([token]) for token in tokens), reply.finish()]
    ends = [len(tokens) + 1]
    if stop:
        ends = [n for n in range(1, len(tokens) + 1) if is_stopped(tokenizer, tokens[:n], stop)]
    *found, ended = probe("reply", " ".join(map(str, tokens)), *stop).split("\x1f")
    assert found == pieces
    assert int(ended) == (ends[0] if stop and ends else 0)


@pytest.mark.parametrize(
    "turns",
    [
        ["hi"],
        ["i am sad\x1b[D"],
        ["\x1b]0;a title\x07dog", "\x1bOA\x1b[3~x", "\x1bP1$r0m\x1b\\dog\x1b"],
        ["two\r\nlines"],
        ["?!"],
        ["\u4f60\u597d"],
        ["x" * 100_000],
        ["\ufdfa" * 5_555],
        ["\u2026" * 33_333],
    ],
)
def test_messages_that_are_accepted(probe: Probe, turns: list[str]) -> None:
    assert probe("check", *turns).split("\x1f") == check_turns(turns)


@pytest.mark.parametrize(
    ("turns", "error"),
    [
        ([""], "turn 1 is empty; write at least one word"),
        (["hi", "oh", " \t\u2003\x1c\n"], "turn 3 is empty; write at least one word"),
        (["hi", "oh"], "a history must hold an odd number of turns .* got 2"),
        (["\u200b\ufeff"], "turn 1 is .*, which holds no word; write at least one word"),
        (["\x1b[A"], "turn 1 is .*, which holds no word"),
        (["\u00e9" * 100_001], "turn 1 has 100001 characters, more than 100000; shorten it"),
        (["\ufdfa" * 5_556], "turn 1 has more than 100000 characters once they are normalised"),
        (["a\u2026" * 25_001], "turn 1 has more than 100000 characters once they are normalised"),
    ],
)
def test_messages_that_are_refused(probe: Probe, turns: list[str], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        check_turns(turns)
    with pytest.raises(ValueError, match=error):
        probe("check", *turns)


def test_visible_text(probe: Probe) -> None:
    for text in [*"ab \u200b\u00ad\t\u0085\u2028\ufe0f\U0001f415\U000e0001", *literals()]:
        assert (probe("is_visible", text) == "yes") == is_visible(text), ascii(text)


def test_the_plain_characters_are_those_of_python() -> None:
    """If this fails: write the new steps into csrc/text/plain_characters.json."""
    pipeline = Pipeline(models.WordLevel({"a": 0}, unk_token="a"))  # noqa: S106 - no password
    pipeline.normalizer = steps.Sequence(plain_characters())
    stored = json.loads((ROOT / "csrc/text/plain_characters.json").read_text(encoding="utf-8"))
    assert stored == json.loads(pipeline.to_str())["normalizer"]


def changed(path: Path, **parts: object) -> str:
    document = json.loads(path.read_text(encoding="utf-8"))
    document["model"]["vocab"] = dict(list(document["model"]["vocab"].items())[:9])
    return json.dumps(document | parts)


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"normalizer": {"type": "BertNormalizer"}}, 'a step of type "BertNormalizer"'),
        (
            {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Strip"}]}},
            'a step of type "Strip"',
        ),
        ({"pre_tokenizer": {"type": "ByteLevel"}}, 'pre_tokenizer is of type "ByteLevel"'),
        ({"pre_tokenizer": None}, "holds no pre_tokenizer"),
        ({"normalizer": None}, "holds no normalizer"),
        ({"post_processor": {"type": "ByteLevel"}}, "post_processor must be empty"),
        ({"added_tokens": [{"id": 0}]}, "added_tokens must be empty"),
        ({"model": {"type": "BPE"}}, "holds no WordLevel model"),
        ({"model": {"type": "WordLevel", "unk_token": "UNK", "vocab": {"UNK": 1}}}, "ids must be"),
        ({"model": {"type": "WordLevel", "unk_token": "UNK", "vocab": {"a": 0}}}, "first ids"),
        ({"kind": "mime-base"}, 'of kind "mime-base", and this library knows mime_base'),
        ({"kind": "mime_base"}, "context must be a list of pieces"),
        ({"kind": 1}, "expected a string"),
        (
            {"normalizer": {"type": "Replace", "pattern": {"Regex": "(a"}, "content": ""}},
            "regular expression .* is malformed",
        ),
    ],
)
def test_a_tokenizer_that_is_refused(
    probe: Probe, tmp_path: Path, parts: dict[str, object], error: str
) -> None:
    own = ROOT / "mime_fast/pretrained/mime-small/tokenizer.json"
    path = tmp_path / "tokenizer.json"
    path.write_text(changed(own, **parts), encoding="utf-8")
    with pytest.raises(ValueError, match=f"{path} is not a mime_fast tokenizer: .*{error}"):
        probe("load", str(path))
    assert probe("tokenize", "it is") == "it\x1fis"  # the one before stays


def test_the_literals_are_texts() -> None:
    assert all(map(is_text, texts()))
