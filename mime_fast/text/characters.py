"""Unicode to the plain characters that the word rules handle, as steps of the `tokenizers` library.

Quotes, dashes and styled letters count as their ASCII forms; invisible characters vanish. Sets are
named by Unicode property, so that they follow the library's version of Unicode (16 in 0.23).
"""

from functools import cache

from tokenizers import Regex, normalizers

from mime_fast.text.surrogates import drop_surrogates

# Emoji that a zero-width joiner (U+200D) connects: NFKC changes none of them.
_JOINED = (
    "[[\u2194\u2195\u2600-\u27bf\u2b1b\U0001f300-\U0001faff]"
    "&&[\\p{Extended_Pictographic}\U0001f3fb-\U0001f3ff]]"
)
# Controls, formats, private use, unassigned; variation selectors and fillers.
_INVISIBLE = r"\p{C}\p{Default_Ignorable_Code_Point}"
# White space among the controls; unassigned, but reserved for emoji.
_KEPT = r"\t-\r\u0085\p{Extended_Pictographic}"
# Object placeholders, double quotes and all others that are no apostrophe are deleted too.
_DELETED = (
    rf"[[{_INVISIBLE}\p{{Pi}}\p{{Pf}}\p{{Quotation_Mark}}\ufffc"
    "\u02ba\u02ee\u05f4\u2033\u2034\u2036\u2037\u2057\u275d-\u2760\u276e\u276f\U0001f676-\U0001f678]"
    rf"&&[^{_KEPT}'\u2018\u2019\u201b\uff07]]"
)
_JOINS = rf"(?<={_JOINED}\u200d|{_JOINED}\ufe0f\u200d){_JOINED}"

APOSTROPHES = "`\u00b4\u0149\u02b9\u02bb\u02bc\u02bd\u0374\u055a\u05f3\u1fef\u1ffd"
APOSTROPHES += "\u2018\u2019\u201b\u2032\u2035\u275b\u275c\ua78b\ua78c\uff07\uff40"
HYPHENS = "\u02d7\u058a\u05be\u1400\u1806\u2010\u2011\u2012\u2043\u207b\u208b\u2212"
HYPHENS += "\u2e17\u2e1a\u2e40\u2e5d\u30a0\ufe63\uff0d\U00010ead"
DASHES = "\u2013\u2014\u2015\u2053\u2e3a\u2e3b\u2e43\u301c\u3030\ufe31\ufe32\ufe58"

# Marks that compose with no letter: crossed-out text, keycaps, stress.
_STRAY_MARKS = r"[\p{Me}\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"


def plain_characters() -> list[normalizers.Normalizer]:
    """The steps, in order: after them NFKC, lower case and the steps themselves change nothing.

    What is deleted is deleted before NFKC composes its neighbours. NFC comes last, because marks
    that are gone no longer keep their neighbours from composing.
    """
    return [
        replace(rf"{_DELETED}(?!{_JOINS})", ""),
        _map_each(APOSTROPHES, "'"),
        _map_each(HYPHENS, "-"),
        _map_each(DASHES, "--"),
        normalizers.NFKC(),
        normalizers.Lowercase(),
        replace(_STRAY_MARKS, ""),
        normalizers.Replace("''", ""),
        normalizers.NFC(),
    ]


def is_visible(text: str) -> bool:
    """Whether anything of it can be seen; a blank can."""
    return bool(_invisible_deleted().normalize_str(drop_surrogates(text)))


@cache
def _invisible_deleted() -> normalizers.Normalizer:
    return replace(f"[[{_INVISIBLE}]&&[^{_KEPT}]]", "")


def replace(pattern: str, content: str) -> normalizers.Normalizer:
    """A step that writes `content` for each match of a regular expression."""
    return normalizers.Replace(Regex(pattern), content)


def _map_each(characters: str, content: str) -> normalizers.Normalizer:
    """One content for each character; as alternatives 0.3 us, as a class of characters 1.7 us."""
    return replace("|".join(characters), content)
