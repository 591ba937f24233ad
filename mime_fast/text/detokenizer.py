"""Words to natural text, append-only, so that streaming and decoding give the same text."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from mime_fast.text.proper_nouns import PROPER_NOUNS
from mime_fast.text.special import SPECIAL_WORDS, UNK

_EYES = frozenset((":", ";"))
_MOUTHS = {")": ")", "(": "(", "/": "/", "-": "-", "d": "D", "p": "P"}
_CLITICS = frozenset(("n't", "'s", "'m", "'d", "'re", "'ve", "'ll"))
_CLOSING = frozenset((",", ".", "!", "?", "...", ")", "]", "}", "%", "'", "''"))
_JOINED_LEFT = _CLITICS | _EYES | _CLOSING
_JOINED_RIGHT = frozenset(("(", "[", "{", "$", "#", "``"))
# A word, and what it is written together with when that precedes it.
_COMPOUNDS = {
    "not": ("can",),
    "na": ("gon", "wan"),
    "ta": ("got",),
    "me": ("gim", "lem"),
    "'ye": ("d",),
    "is": ("'t",),
    "was": ("'t",),
    "3": ("<",),
}
_SPELLINGS = {
    SPECIAL_WORDS[UNK]: "<unk>",
    "``": '"',
    "''": '"',
    "i": "I",
    "tv": "TV",
    "usa": "USA",
    "u.s.": "U.S.",
}

# Before a capital: an end, a title without its period, a period that the tokeniser kept ("ok.").
_BEFORE_CAPITAL = re.compile(r"[.!?]|mrs?|(?!vs\.)[^.]+\.")


class Detokenizer:
    """Turns the words of one reply into text: the pieces of `push` and `finish`, joined.

    A piece carries the blank before its word. A `:` or `;` waits for the next word or the end,
    which shows whether it begins a smiley: nine in ten do, in human replies.

    Example:
        >>> detokenizer = Detokenizer()
        >>> [detokenizer.push(word) for word in ["i", "'m", "glad", ".", ":", ")"]]
        ['I', "'m", ' glad', '.', '', ' :)']
    """

    def __init__(self) -> None:
        """Starts an empty text."""
        self._previous = ""  # the last word written
        self._eyes = ""  # a ":" or ";" that waits
        self._glued = True  # the next word needs no blank
        self._capital = True  # the next word begins a sentence or is a name

    def push(self, word: str) -> str:
        """The piece of text that `word` adds: "" for a special word, except UNK."""
        if word in SPECIAL_WORDS and word != SPECIAL_WORDS[UNK]:
            return ""
        if self._eyes and word in _MOUTHS:
            return self._write_smiley(word)
        piece = self.finish()
        if word in _EYES:
            self._eyes = word
            return piece
        return piece + self._write(word)

    def finish(self) -> str:
        """The piece that waited for a next word; call it once, after the last push."""
        eyes, self._eyes = self._eyes, ""
        return self._write(eyes) if eyes else ""

    def _write_smiley(self, mouth: str) -> str:
        eyes, self._eyes = self._eyes, ""
        blank = "" if self._glued else " "
        self._previous, self._capital = eyes + mouth, True
        self._glued = mouth == "-"  # a nose: its mouth follows
        return blank + eyes + _MOUTHS[mouth]

    def _write(self, word: str) -> str:
        facts = _facts(word)
        joined = self._glued or facts.joins_left or self._previous in facts.joins
        piece = ("" if joined else " ") + (facts.capitalized if self._capital else facts.spelled)
        self._glued = facts.joins_right or (word == "'" and self._glued)  # an opening quote
        if facts.before_capital is not None:
            self._capital = facts.before_capital
        self._previous = word
        return piece


class _Facts(NamedTuple):
    """How a word is written."""

    spelled: str
    capitalized: str  # where a sentence begins
    joins_left: bool  # without a blank before it
    joins: tuple[str, ...]  # nor behind these words
    joins_right: bool
    before_capital: bool | None  # whether the next word begins a sentence; None: as this one does


@lru_cache(maxsize=32_768)  # a vocabulary
def _facts(word: str) -> _Facts:
    if word in _SPELLINGS or word in _CLITICS:
        spelled = capitalized = _SPELLINGS.get(word, word)
    else:
        capitalized = _capitalized(word)
        spelled = capitalized if word in PROPER_NOUNS else word
    before_capital = True if _BEFORE_CAPITAL.fullmatch(word) else None
    if before_capital is None and any(character.isalnum() for character in word):
        before_capital = False
    return _Facts(
        spelled=spelled,
        capitalized=capitalized,
        joins_left=word in _JOINED_LEFT,
        joins=_COMPOUNDS.get(word, ()),
        joins_right=word in _JOINED_RIGHT,
        before_capital=before_capital,
    )


def detokenize(words: Iterable[str]) -> str:
    """The natural text of all words of a reply: the joined pieces of a Detokenizer."""
    detokenizer = Detokenizer()
    pieces = [detokenizer.push(word) for word in words]
    return "".join([*pieces, detokenizer.finish()])


def natural_text(reply: str) -> str:
    """A reply as a reader sees it: words joined by blanks -> text."""
    return detokenize(reply.split())


def capital_of(letter: str) -> str:
    """A letter in upper case, unless that does not lower to it again (as in German sharp s)."""
    capital = letter.upper()
    return capital if capital.lower() == letter else letter


def _capitalized(word: str) -> str:
    """The word with its first letter in upper case, if that is what it begins with."""
    start = next((index for index, letter in enumerate(word) if letter.isalnum()), len(word))
    return word[:start] + capital_of(word[start : start + 1]) + word[start + 1 :]
