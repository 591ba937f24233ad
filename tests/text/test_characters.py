"""All of Unicode: what vanishes, what is made plain, and that the words are then stable."""

import re
import unicodedata
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from mime_fast.text import Tokenizer
from mime_fast.text.characters import plain_characters
from mime_fast.text.detokenizer import detokenize

JOINER = "\u200d"
WHITE_SPACE = frozenset("\t\n\v\f\r\x85")  # of the controls; it separates words
APOSTROPHES = frozenset("'`\u00b4\u2018\u2019\u201b\uff07\u02bc")
HIDDEN_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co", "Pd", "Pi", "Pf", "Zs", "Zl", "Zp"))
# Default ignorable, though letters, marks or unassigned; quotes that are not Pi or Pf; U+2212.
HIDDEN = {
    *map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0, 0xFFFC, 0x2212)),
    *map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFFC))),
    *map(chr, range(0xE0000, 0xE1000)),
    *'"`\u00b4\u201a\u201e\u2032\u2033\u2057\u300c\u300d\u300e\u300f\u301d\u301e\u301f',
    *map(chr, (*range(0x300, 0x370), *range(0x20D0, 0x2100), *range(0xFE20, 0xFE30))),
    *map(chr, (0xFDD0, 0xFDEF, *(plane + 0xFFFE for plane in range(0, 0x110000, 0x10000)))),
}
# What these planes hold is unassigned or private, and vanishes; the others are tried one by one.
EMPTY_PLANES = (*range(4, 14), 15, 16)
CODE_POINTS = range(0x40000)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_words(())


def is_hidden(character: str) -> bool:
    hidden = unicodedata.category(character) in HIDDEN_CATEGORIES or character in HIDDEN
    return hidden and character not in f"-{JOINER}"


def check_words(tokenizer: Tokenizer, text: str) -> list[str]:
    words = tokenizer.tokenize(text)
    assert not [c for c in set("".join(words)) if is_hidden(c)]
    assert tokenizer.tokenize(" ".join(words)) == words
    return words


@pytest.mark.parametrize("start", range(CODE_POINTS.start, CODE_POINTS.stop, 0x8000), ids=hex)
def test_every_character_between_words_and_inside_one(tokenizer: Tokenizer, start: int) -> None:
    for first in range(start, start + 0x8000, 0x400):
        characters = map(chr, range(first, first + 0x400))
        check_words(tokenizer, " ".join(f"we {c} no{c}w {c}. '{c}s{c}{c}" for c in characters))


@pytest.mark.parametrize("start", [0, 0x2000, 0xA000, 0xD800, 0xF800, 0x1F000, 0xE0000], ids=hex)
def test_every_character_alone(tokenizer: Tokenizer, start: int) -> None:
    for character in map(chr, range(start, min(start + 0x1800, 0x110000))):
        words = tokenizer.tokenize(character)
        assert not any(map(is_hidden, "".join(words))), ascii(character)
        assert JOINER not in "".join(words)
        assert tokenizer.tokenize(" ".join(words)) == words, ascii(character)
        assert all(tokenizer.tokenize(detokenize([word])) == [word] for word in words)


@pytest.mark.parametrize("plane", EMPTY_PLANES)
def test_planes_without_characters_vanish(tokenizer: Tokenizer, plane: int) -> None:
    characters = [chr((plane << 16) + index) for index in range(0x10000)]
    assert tokenizer.tokenize(f"hel{''.join(characters)}lo {' '.join(characters)}") == ["hello"]


# Around letters and blanks: all that the steps and the word rules look at.
PARTS = [
    *("i", "it", "you", "can", "not", "gon", "na", "wan", "got", "ta", "d", "is", "was", "a", "e"),
    *("n't", "'s", "'m", "'d", "'ve", "'re", "'ye", "'t", "'", "''", '"', "\u2019", "\u201c", "`"),
    *(".", "..", "...", "\u2026", ",", ":", ";", "-", "--", "\u2014", "\u2010", "?", "!", "*", "%"),
    *("(", ")", "[", "]", "{", "}", "<", ">", "mr", "u.s", "ok", "5", "2018", "\u00bd", "=", "_"),
    *(" ", " ", " ", " ", "\n", "\u00a0", "\u3000", "\u2028", "\x85", "\x00", "\u200b", "\ufe0f"),
    *("\U0001f600", "\U0001f44d", "\U0001f3fd", JOINER, "\u2640", "\u2764", "\u2122", "\u00a9"),
    *("\u0301", "\u0338", "\u034f", "\u0305", "\u0653", "\u0627", "\u0345", "\u093c", "\u0915"),
    *(
        "\u0130",
        "J",
        "\u030c",
        "\ufb01",
        "\u1100",
        "\u1161",
        "\u11a8",
        "\u00e9",
        "\u00a8",
        "\u0149",
    ),
    *("\U0001d409", "\uff2a", "\u03a3", "\u0399\u0308", "\ue000", "\ud800", "\udc00", "\U000e0067"),
]


@given(text=st.lists(st.sampled_from(PARTS), max_size=14).map("".join))
def test_words_that_are_joined_are_the_same_words(tokenizer: Tokenizer, text: str) -> None:
    check_words(tokenizer, text)


@given(text=st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_gives_stable_words(tokenizer: Tokenizer, text: str) -> None:
    check_words(tokenizer, text)


def slow_plain(text: str) -> str:
    """The steps' slow twin, of Python's own tables."""
    text = unicodedata.normalize("NFKC", "".join(map(slow_character, text)))
    text = "".join(character.lower() for character in text)
    text = "".join(c for c in text if not (c in HIDDEN or unicodedata.category(c) == "Me"))
    return unicodedata.normalize("NFC", text.replace("''", ""))


def slow_character(character: str) -> str:
    category = unicodedata.category(character)
    if character in APOSTROPHES:
        return "'"
    if category == "Pd" or character == "\u2212":
        is_dash = re.search("EN DASH|EM DASH|BAR|WAV[EY]", unicodedata.name(character))
        return "--" if is_dash else "-"
    vanishes = category[0] == "C" or category in {"Pi", "Pf"} or character in HIDDEN
    is_mark = category == "Mn" and character < "\ufe00" and character != "\u034f"
    if vanishes and not is_mark and character not in WHITE_SPACE:
        return ""
    return character


# Letters, marks, digits and spaces of Unicode that Python knows, and what the steps change.
KNOWN = st.characters(
    categories=["L", "M", "N", "Zs", "Pd", "Pi", "Pf", "Cc", "Cf", "Co"],
    exclude_characters=[
        *"\u0149\u02b9\u02ba\u02bb\u02bd\u02d7\u02ee\u0374\ua78b\ua78c",
        *map(chr, range(0x1AB0, 0x1B00)),
        *map(chr, range(0x1DC0, 0x1E00)),
        # Newer than the Unicode of the tokenizers library, which leaves them as they are.
        *map(chr, [0x32FF, *range(0xA7F2, 0xA7F5), 0xAB69, *range(0x10781, 0x107BB), 0x1F16C]),
        *map(chr, range(0x1FBF0, 0x1FBFA)),
    ],
)


@given(text=st.text(KNOWN | st.sampled_from("''`\u00b4abcJ\u0301\u030c\u2212\u0130"), max_size=12))
def test_plain_characters_are_those_of_the_slow_twin(text: str) -> None:
    steps = normalizers.Sequence(plain_characters())
    assert steps.normalize_str(text) == slow_plain(text)


def between(*code_points: int) -> Iterable[str]:
    return (f"he{chr(code)}llo" for code in code_points)


@pytest.mark.parametrize(
    "typed",
    [
        *between(*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x200B, 0x200C, 0x200D, 0x200E),
        *between(0xAD, 0x61C, 0x180E, 0xFEFF, 0xFFF9, 0xFFFC, 0x1D173, 0xE0001, 0xE0067, 0xE0100),
        *between(0x00, 0x07, 0x1B, 0x1F, 0x7F, 0x9F, 0xE000, 0xF8FF, 0xFFFFD, 0x378, 0xFFFF),
        *between(0x34F, 0x115F, 0x3164, 0xFFA0, 0xFE0E, 0xFE0F, 0xD800, 0xDFFF, 0x20E3, 0x336),
        *between(0x22, 0x201C, 0x201E, 0xAB, 0x2039, 0x301D, 0xFF02, 0x2033, 0x275D),
        "\uff28\uff45\uff4c\uff4c\uff4f",
        "\U0001d407\U0001d41e\U0001d425\U0001d425\U0001d428",
        "h\u0336e\u0336l\u0336l\u0336o\u0336",
        "\u200e\u202ahello\u202c",
    ],
    ids=ascii,
)
def test_what_nobody_sees_vanishes(tokenizer: Tokenizer, typed: str) -> None:
    assert tokenizer.tokenize(typed) == ["hello"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        *((f"dog{dash}he ran", "dog -- he ran") for dash in "\u2013\u2014\u2015\u2e3a\u301c\ufe58"),
        *((f"my hi{hyphen}fi", "my hi-fi") for hyphen in "\u2010\u2011\u2012\ufe63\uff0d"),
        ("minus \u22125 \u2013 5", "minus -5 -- 5"),
        ("well\u2010\u2010maybe", "well -- maybe"),
        *(
            (f"I{quote}m fine", "i am fine")
            for quote in "'`\u00b4\u2018\u2019\u201b\u2032\uff07\u02bc"
        ),
        *(
            (f"one{space}two", "one two")
            for space in "\xa0\u1680\u2003\u202f\u205f\u3000\u2028\u2029"
        ),
        *((f"one{space}two", "one two") for space in "\t\n\v\f\r\x85"),
        ("Wait\uff0c what\uff1f\uff01 \uff08no\uff09", "wait , what ? ! ( no )"),
        ("so\u2026yes\u203c", "so ... yes ! !"),
        ("caf\u00e9 cafe\u0301 CAFE\u0301", "caf\u00e9 caf\u00e9 caf\u00e9"),
        ("\u0130stanbul J\u030c", "istanbul j"),
        ("1\ufe0f\u20e3 \ufb01ne \u2122", "1 fine tm"),
        ("\u300cso\u300d \u2018no\u2019 \u201ayes", "so 'no ' yes"),
    ],
    ids=ascii,
)
def test_typographic_characters_count_as_plain_ones(
    tokenizer: Tokenizer, typed: str, words: str
) -> None:
    assert tokenizer.tokenize(typed) == words.split()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (
            "hi\U0001f468\u200d\U0001f469\u200d\U0001f467you",
            ["hi", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "you"],
        ),
        ("\u2764\ufe0f\u200d\U0001f525\u2764\ufe0f", ["\u2764\u200d\U0001f525", "\u2764"]),
        ("\U0001f937\U0001f3fd\u200d\u2640\ufe0f!", ["\U0001f937\U0001f3fd\u200d\u2640", "!"]),
        ("\U0001f44d\U0001f3fd\U0001f44d", ["\U0001f44d\U0001f3fd", "\U0001f44d"]),
        ("\U0001f408\u200d\u2b1b", ["\U0001f408\u200d\u2b1b"]),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", ["\U0001f3f4"]),
        ("\U0001f600\u200d", ["\U0001f600"]),
        ("\u200d\U0001f600\u200d\u200d\U0001f600", ["\U0001f600", "\U0001f600"]),
        ("a\u200db\ufe0f\u200d\U0001f600", ["ab", "\U0001f600"]),
        ("\u2122\u200d\U0001f600", ["tm", "\U0001f600"]),
        ("ok\u23f0ok \U0001fac8", ["ok", "\u23f0", "ok", "\U0001fac8"]),
    ],
    ids=ascii,
)
def test_joiners_stay_where_emoji_need_them(
    tokenizer: Tokenizer, typed: str, words: list[str]
) -> None:
    assert tokenizer.tokenize(typed) == words
