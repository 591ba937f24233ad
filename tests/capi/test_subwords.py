"""Text of mime-base in C++ and in Python: the same ids, text, spellings and errors."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from mime_fast.bundled import folder_of
from mime_fast.config import GenerationConfig
from mime_fast.search.rules import text_rules
from mime_fast.text.characters import APOSTROPHES, DASHES, HYPHENS
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.load_tokenizer import load_tokenizer
from mime_fast.text.pieces import PieceTokenizer
from mime_fast.text.special import EOS, SOS, UNK
from mime_fast.text.stop import ReplyText
from mime_fast.text.subword_tokenizer import FORMATS, QUOTES, SubwordTokenizer
from mime_fast.text.tidy import CONTRACTIONS, tidy
from mime_fast.text.unknown_words import count_words
from mime_fast.text.word_pieces import WordPieceTokenizer
from tests.capi.conftest import Probe
from tests.capi.utterances import (
    ROOT,
    characters,
    data,
    is_text,
    is_thorough,
    lines_of_characters,
    literals,
    phrasings,
)
from tests.oracle.stop import is_stopped

# Characters of many scripts; pieces of replies are learned of them too, so that they split some.
SCRIPTS = (
    *(
        "na\u00efve caf\u00e9 co\u00f6perate",
        "\u03b1\u03b2\u03b3 \u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
    ),
    *(
        "\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440",
        "\u05e9\u05dc\u05d5\u05dd",
        "\u0645\u0631\u062d\u0628\u0627",
        "\u0928\u092e\u0938\u094d\u0924\u0947",
    ),
    *(
        "\u4f60\u597d\u4e16\u754c",
        "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8",
        "\ud55c\uad6d\uc5b4",
        "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    ),
    *(
        "\U0001f415\u200d\U0001f9ba \U0001f622\ufe0f \U0001f44d\U0001f3fd",
        "\u20ac5 \u00bd \u2460 \u0664\u0665 \u00b1",
    ),
)
TYPED = st.text(
    "aAbiImdonDONtTvesS.,!?:;'\"-()1234 \n\t\u2019\u2026\u201c\u00e9\u0301"
    "\U0001f415\u200d\ufe0f_#@\u0130\u0131\u017f"
)
PARTS = (
    *("i", "I", "im", "Ive", "DONT", "cant", "cant_", "dog", "Dog", "i'm", "i'll", "a", "\u0131m"),
    *(
        "...",
        ".",
        "!",
        "?",
        ",",
        '"',
        "'",
        "(",
        ")",
        " ",
        "  ",
        "\n",
        "\u00a0",
        "\x1c",
        "\u00e9",
        "_",
    ),
)
SENTENCES = st.lists(st.sampled_from(PARTS)).map("".join)
MARKS = st.text(
    [
        "a",
        "\u0301",
        "\u0323",
        "\u302e",
        "\u0345",
        "\u1e69",
        "\uac00",
        "\u11a8",
        "\U0001d15e",
        "\u4e2d",
    ]
)
ANY = st.text(st.sampled_from(characters()))
STOPS = ("so", " s", "I", ".", "\u00e9", "\ufffd", "\U0001f415", "\u00e9\U0001f415", "o a")


@pytest.fixture(scope="module")
def subwords() -> SubwordTokenizer:
    """Word pieces and subwords that were learned of the tests' phrasings and of SCRIPTS."""
    texts = [tidy(text) for text in [*phrasings()[::4], *SCRIPTS * 9]]
    return SubwordTokenizer(WordPieceTokenizer(word_pieces(texts)), subword_pieces(texts))


def word_pieces(texts: list[str]) -> list[str]:
    learned = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - no password
    learned.normalizer = normalizers.BertNormalizer()
    learned.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    learned.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=900))
    vocabulary = learned.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


def subword_pieces(texts: list[str]) -> PieceTokenizer:
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=900, initial_alphabet=alphabet)
    learned.train_from_iterator(texts, trainer)
    model = json.loads(learned.to_str())["model"]
    return PieceTokenizer(list(model["vocab"]), [(left, right) for left, right in model["merges"]])


@pytest.fixture(scope="module")
def base(
    probe: Probe, subwords: SubwordTokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Probe]:
    """The probe, with the tokeniser `subwords`."""
    path = tmp_path_factory.mktemp("subwords") / "tokenizer.json"
    path.write_text(subwords.to_json(), encoding="utf-8")
    sizes = f"{subwords.vocab_size} {subwords.context_vocab_size}"
    assert probe("load", str(path)) == sizes
    yield probe
    probe("load", str(folder_of("mime-small") / "tokenizer.json"))


def check(base: Probe, subwords: SubwordTokenizer, text: str) -> None:
    """Compare everything that is made of a text."""
    assert base("tidy", text) == tidy(text), ascii(text)
    assert base("encode", text) == listed(subwords.encode(text)), ascii(text)
    assert base("tokenize", text) == "\x1f".join(subwords.tokenize(text)), ascii(text)
    spellings = "\x1f".join(map(listed, subwords.spellings(text)))
    assert base("spellings", text) == spellings, ascii(text)


@pytest.mark.parametrize("characters", [HYPHENS + DASHES, QUOTES, FORMATS, APOSTROPHES])
def test_characters_that_a_context_has_in_plain_form(
    base: Probe, subwords: SubwordTokenizer, characters: str
) -> None:
    for character in characters:
        check(base, subwords, f"dog{character}he {character}left{character}")


def listed(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


def test_the_tokeniser_knows_many_texts(subwords: SubwordTokenizer) -> None:
    """Else the tests below would compare what is unknown."""
    assert sum(0 in subwords.encode(text) for text in SCRIPTS) < len(SCRIPTS) / 2
    halves = [i for i in range(subwords.vocab_size) if subwords.text_of(i).endswith("\ufffd")]
    assert len(halves) > 128


def test_texts_of_the_tests(base: Probe, subwords: SubwordTokenizer) -> None:
    for text in [*literals(), *phrasings()[::6], *SCRIPTS]:
        check(base, subwords, text)


@pytest.mark.parametrize(
    "piece", ["i can't. dr. Smith caf\u00e9, 12:30 ", "a. b. ", "\u4f60", "xy"]
)
def test_long_texts(base: Probe, subwords: SubwordTokenizer, piece: str) -> None:
    text = piece * (3000 // len(piece))
    check(base, subwords, text)
    if " " in piece:  # parts change nothing
        assert subwords.encode(text) == subwords.context.encode([tidy(text)])[0]


def test_texts_of_the_data(base: Probe, subwords: SubwordTokenizer) -> None:
    for text in data():
        check(base, subwords, text)


def test_every_character(base: Probe, subwords: SubwordTokenizer) -> None:
    for text in lines_of_characters(whole=16, share=24):
        check(base, subwords, text)


@given(text=TYPED | SENTENCES | MARKS | ANY)
@example(text="i \u0130m s\u0131d")
@example(text='"(hi" i.  \u2026i.a ?! (x')
@example(text="a.Bc!D'e?FG .Hi 'd")
@example(text="\u1e69\u302e")  # the mark goes between those of the letter
@example(text="\u00b1\u00ad\u00b1 a\u200bb [UNK] ##a <|im_end|>")
def test_any_text(base: Probe, subwords: SubwordTokenizer, text: str) -> None:
    check(base, subwords, text)


def test_contractions(base: Probe) -> None:
    for word in CONTRACTIONS:
        for written in (
            word,
            word.upper(),
            word.capitalize(),
            f"_{word}",
            f"{word}1",
            f"{word}\u0301",
        ):
            assert base("tidy", f"a {written} ({written})") == tidy(f"a {written} ({written})")


@pytest.mark.parametrize("length", [1, 99, 100, 101, 5000, 100_000])
@pytest.mark.parametrize(
    "letter", ["a", "\u00e9", "\u0301", "\U0001f415", "\u4e2d", "'", "7", "ab"]
)
def test_long_words(base: Probe, subwords: SubwordTokenizer, letter: str, length: int) -> None:
    if letter == "\u0301" or length < 100_000:
        check(base, subwords, f"so {letter * length} dog")
    else:
        assert base("encode", letter * length) == listed(subwords.encode(letter * length))


def test_capitals(base: Probe) -> None:
    for c in characters():
        if c.upper() != c:
            assert base("with_first_capital", f"{c}a") == f"{c.upper()}a", ascii(c)


@given(text=st.text("\u03a3\u03c3aA.'\u0301\u0345\u02b0 1\u0130"))
def test_lower_case(base: Probe, text: str) -> None:
    """With sigma, whose form depends on its place."""
    assert base("lower_text", text) == text.lower()


def test_a_text_of_sigmas_is_read_once(base: Probe) -> None:
    """Else this takes a minute."""
    text = "\u03a3" * 50_000
    assert base("lower_text", text) == text.lower()


def test_bad_words_are_all_spellings(base: Probe, subwords: SubwordTokenizer) -> None:
    rules = text_rules(GenerationConfig(bad_words=("Sorry", "I am")), subwords)
    found = [base("spellings", words).split("\x1f") for words in ("Sorry", "I am")]
    assert {tuple(map(int, ids.split())) for each in found for ids in each} == set(rules.bad_words)


def test_the_text_of_each_id(base: Probe, subwords: SubwordTokenizer) -> None:
    for index in range(subwords.vocab_size):
        assert base("text_of", str(index)) == subwords.text_of(index)
    for index in (-1, subwords.vocab_size):
        with pytest.raises(ValueError, match=rf"must be in \[0, {subwords.vocab_size}\), got"):
            base("text_of", str(index))


def byte_ids(subwords: SubwordTokenizer) -> dict[int, int]:
    """The id of each byte's own piece."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    pieces = {chr(byte): byte for byte in shown}
    pieces |= {chr(256 + place): byte for place, byte in enumerate(hidden)}
    return {pieces[word]: i for i, word in enumerate(subwords.words) if word in pieces}


def check_reply(base: Probe, subwords: SubwordTokenizer, ids: list[int], stop: list[str]) -> None:
    """Compare the pieces of a stream, where a search ends, and the context of a reply."""
    reply = ReplyText(subwords, stop)
    pieces = [*(reply.push([index]) for index in ids), reply.finish()]
    ends = [0]
    if stop:
        ends = [n for n in range(1, len(ids) + 1) if is_stopped(subwords, ids[:n], stop)] or [0]
    assert base("reply", listed(ids), *stop) == "\x1f".join([*pieces, str(ends[0])])
    assert base("decode", listed(ids)) == subwords.decode(ids)
    assert base("as_context", listed(ids)) == listed(subwords.as_context(ids))


BROKEN = (
    *(b"\xed\xa0\x80x", b"\xed\xa0", b"\xed\xa0\xed\x9f\xbf", b"\xf4\x90\x80\x80", b"\xc0\x80"),
    *(b"\xe2\x82", b"\xe2\x82a", b"\xf0\x9f\x90", b"\xf0\x9f\x90\x95", b"\x80\xbf", b"\xff\xfe"),
    *(b"\xf0\x80", b"\xe0\x80\x80", b"\xf5a", b"\0\0a", b" \n\x1c\xc2\xa0a", b"\xf0\x9f\xf0\x9f"),
)


@pytest.mark.parametrize("given", BROKEN, ids=repr)
def test_pieces_that_are_no_characters(
    base: Probe, subwords: SubwordTokenizer, given: bytes
) -> None:
    ids = [byte_ids(subwords)[byte] for byte in given]
    check_reply(base, subwords, ids, [])
    check_reply(base, subwords, [*ids, *subwords.encode_reply("a"), *ids], ["\ufffd", "a"])


@given(numbers=st.lists(st.integers(0, 10_000)), stop=st.lists(st.sampled_from(STOPS), max_size=3))
def test_any_pieces(
    base: Probe, subwords: SubwordTokenizer, numbers: list[int], stop: list[str]
) -> None:
    check_reply(base, subwords, [i % subwords.vocab_size for i in numbers], stop)


@given(
    given=st.lists(st.sampled_from(b"\0\x1c a\x80\x9f\xa0\xbf\xc2\xc3\xe0\xe2\xed\xf0\xf4\xff")),
    stop=st.lists(st.sampled_from(STOPS), max_size=2),
)
def test_any_bytes(
    base: Probe, subwords: SubwordTokenizer, given: list[int], stop: list[str]
) -> None:
    check_reply(base, subwords, [byte_ids(subwords)[byte] for byte in given], stop)


@given(
    words=st.lists(
        st.sampled_from(("so", "I am", "\u00e9\U0001f415", ".", "o", "to a dog", "\u4f60"))
    ),
    stop=st.lists(st.sampled_from(STOPS), max_size=3),
)
def test_stop_strings(
    base: Probe, subwords: SubwordTokenizer, words: list[str], stop: list[str]
) -> None:
    check_reply(base, subwords, [SOS, *subwords.encode_reply(" ".join(words)), EOS], stop)


@given(
    turns=st.lists(SENTENCES | TYPED | MARKS | ANY, min_size=1, max_size=5),
    positions=st.integers(2, 40),
)
def test_dialogues(
    base: Probe, subwords: SubwordTokenizer, turns: list[str], positions: int
) -> None:
    expected = encode_dialogue(subwords, turns, positions)
    ids = expected.tokens[len(expected.tokens) - expected.last_turn :]
    counts = count_words(subwords, turns[-1], ids)
    facts = [expected.dropped_turns, expected.dropped_words, expected.last_turn, *counts]
    found = base("dialogue", str(positions), *turns)
    assert found == "|".join(map(listed, (expected.tokens, expected.speakers, facts)))


def check_counts(base: Probe, tokenizer: SubwordTokenizer, text: str) -> tuple[int, int]:
    """Compare the counts of a turn and return them."""
    ids = encode_dialogue(tokenizer, [text], 100_000).tokens[1:]
    counts = count_words(tokenizer, text, ids)
    found = base("dialogue", "100000", text).split("|")[2].split()
    assert found[3:] == list(map(str, counts)), ascii(text)
    return counts


def test_counts_of_words(base: Probe, subwords: SubwordTokenizer) -> None:
    texts = [*literals(), *phrasings()[::9], *SCRIPTS]
    counts = [check_counts(base, subwords, text) for text in texts]
    read = [
        pair for pair, text in zip(counts, texts, strict=True) if UNK not in subwords.encode(text)
    ]
    assert any(0 < unknown < words for words, unknown in read)  # by their pieces


@given(text=TYPED | SENTENCES | MARKS | ANY)
@example(text="\u0645\u0631\u062d\u0628\u0627 \u4f60\u597d a\U0001f415b dogs")
def test_counts_of_any_words(base: Probe, subwords: SubwordTokenizer, text: str) -> None:
    check_counts(base, subwords, text)


CATEGORIES = ROOT / "csrc/text/bert_categories.txt"


def stored_categories() -> dict[str, list[tuple[int, int]]]:
    """The ranges of each section."""
    found: dict[str, list[tuple[int, int]]] = {}
    for line in CATEGORIES.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            ranges = found.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            ends = [item.split("-") for item in line.split()]
            ranges += [
                (int(first, 16), int(last, 16)) for first, *_, last in ((*e, e[-1]) for e in ends)
            ]
    return found


def test_the_categories_are_those_of_the_library() -> None:
    """At all ends of ranges, and for all characters that may be in one."""
    clean = normalizers.BertNormalizer(
        handle_chinese_chars=False, strip_accents=False, lowercase=False
    )
    strip = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False
    )
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    holds = {
        "control": lambda c: clean.normalize_str(f"a{c}b") == "ab",
        "mark": lambda c: strip.normalize_str(f"a{c}b") == "ab",
        "punctuation": lambda c: len(split(f"a{c}b")) == 3,
    }
    stored = stored_categories()
    assert stored.keys() == holds.keys()
    edges = {
        at + step for each in stored.values() for ends in each for at in ends for step in (-1, 0, 1)
    }
    others = {ord(c) for c in map(chr, range(1, 0x1F000)) if unicodedata.category(c)[0] in "MPC"}
    for name, ranges in stored.items():
        members = {c for first, last in ranges for c in range(first, last + 1)}
        for code_point in edges | set(sorted(others)[:: 1 if is_thorough() else 5]):
            if 0 < code_point < 0xD800 or 0xE000 <= code_point < 0x110000:
                found = code_point in members
                assert found == holds[name](chr(code_point)), (name, hex(code_point))


def test_a_tokenizer_that_a_checkpoint_may_have(
    base: Probe, subwords: SubwordTokenizer, tmp_path: Path
) -> None:
    """A pair that stands twice, bytes without a piece, no special pieces, a byte order mark."""
    document = json.loads(subwords.to_json())
    merges = document["reply"]["merges"]
    document["reply"]["merges"] = [*merges, *merges[:40:2]]
    pieces = [piece for piece in document["reply"]["pieces"][7:] if piece not in {"~", "}"}]
    document["reply"]["pieces"] = pieces
    document["context"] = document["context"][7:]
    path = tmp_path / "tokenizer.json"
    path.write_text("\ufeff" + json.dumps(document), encoding="utf-8")
    changed = load_tokenizer(path)
    assert isinstance(changed, SubwordTokenizer)
    base("load", str(path))
    texts = [*SCRIPTS, *phrasings()[:50], "so~rry", "}~", "I am } so"]
    assert any(changed.spellings(text) != subwords.spellings(text) for text in texts)
    for text in texts:
        check(base, changed, text)
    path.write_text(subwords.to_json(), encoding="utf-8")
    base("load", str(path))


ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


@pytest.mark.parametrize(
    ("part", "value", "error"),
    [
        ("context", ["a", "a"], "context holds a piece twice"),
        ("context", None, "context must be a list of pieces"),
        ("context", ["a", 1], "context must be a list of pieces"),
        ("reply", [], "holds no reply pieces"),
        ("reply", {"pieces": [*ALPHABET, "a"], "merges": []}, "reply.pieces holds a piece twice"),
        ("reply", {"pieces": "abc", "merges": []}, "reply.pieces must be a list of pieces"),
        ("reply", {"merges": []}, "reply.pieces must be a list of pieces"),
        ("reply", {"pieces": [*ALPHABET, "\u4e2d"], "merges": []}, "which is no piece of bytes"),
        ("reply", {"pieces": [*ALPHABET, "a b"], "merges": []}, "which is no piece of bytes"),
        ("reply", {"pieces": ALPHABET}, "reply.merges must be a list"),
        ("reply", {"pieces": ALPHABET, "merges": 1}, "reply.merges must be a list"),
        ("reply", {"pieces": ALPHABET, "merges": [["x", "y"]]}, "which makes no piece"),
        (
            "reply",
            {"pieces": [*ALPHABET, "xyz"], "merges": [["x", "yz"]]},
            "which is no pair of pieces",
        ),
        ("reply", {"pieces": ALPHABET, "merges": [["x"]]}, "which is no pair of pieces"),
        ("reply", {"pieces": ALPHABET, "merges": [[1, 2]]}, "which is no pair of pieces"),
        ("reply", {"pieces": ALPHABET, "merges": [[["x"], "y"]]}, "which is no pair of pieces"),
        ("reply", {"pieces": ALPHABET, "merges": ["xy"]}, "which is no pair of pieces"),
    ],
)
def test_a_tokenizer_that_is_refused(
    base: Probe, subwords: SubwordTokenizer, tmp_path: Path, part: str, value: Any, error: str
) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(subwords.to_json()), part: value}), encoding="utf-8")
    problem = f"{path} is not a mime_fast tokenizer: .*{error}"
    with pytest.raises(ValueError, match=problem):
        load_tokenizer(path)
    with pytest.raises(ValueError, match=f"{problem}.*opy it again from the checkpoint"):
        base("load", str(path))


def test_the_texts_are_texts() -> None:
    assert all(map(is_text, SCRIPTS))
