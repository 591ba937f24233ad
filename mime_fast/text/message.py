"""The boundary where a caller's text is checked, once: what a turn may be stands here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from unicodedata import normalize

from mime_fast.text.escapes import strip_escapes
from mime_fast.text.parts import parts_of
from mime_fast.text.surrogates import join_surrogates
from mime_fast.text.tokenizer import plain_tokenizer

MAX_CHARACTERS = 100_000
MOST_OF_ONE = 18  # characters that NFKC makes of U+FDFA
PLAIN_WORD = re.compile("[0-9A-Za-z]")  # these are never deleted: it spares most texts a look


def check_turns(message: str | bytes | Sequence[str | bytes]) -> list[str]:
    """A message, or a history of turns (speaker first, alternating), as a list of strings.

    Escape sequences of terminals are left out: they are no words.

    Raises TypeError for other types; ValueError names what check_turn refuses, or a history of
    even length.
    """
    if not isinstance(message, Sequence):
        raise TypeError(f"a message must be a str or a list of str, got {type(message).__name__}")
    turns = [message] if isinstance(message, (str, bytes)) else list(message)
    if len(turns) % 2 == 0:
        raise ValueError(
            f"a history must hold an odd number of turns (speaker first, speaker last), "
            f"got {len(turns)}"
        )
    return [check_turn(turn, f"turn {number}") for number, turn in enumerate(turns, 1)]


def check_turn(turn: str | bytes, name: str) -> str:
    """One turn of a dialogue as a string; `name` is what an error calls it.

    Raises TypeError for other types; ValueError: it is too long, not UTF-8, or holds no word.
    """
    if not isinstance(turn, (str, bytes)):
        raise TypeError(f"{name} must be a str, got {type(turn).__name__}")
    given = _decode(turn, name)
    text = strip_escapes(given)
    _check_length(text, name)
    if not given.strip():
        raise ValueError(f"{name} is empty; write at least one word")
    if not holds_word(text):
        raise ValueError(f"{name} is {given!a:.60}, which holds no word; write at least one word")
    return text


def holds_word(text: str) -> bool:
    """Whether the tokeniser finds a word in it; punctuation counts, a blank does not."""
    return bool(PLAIN_WORD.search(text) or any(map(plain_tokenizer().tokenize, parts_of(text))))


def turns_to_search(turns: Sequence[str]) -> list[int]:
    """The places of the speaker's turns that rules search, latest first.

    They are those that fit into as many characters as one turn may have.
    """
    found: list[int] = []
    length = 0
    for place in range(len(turns) - 1, -1, -2):
        length += len(turns[place])
        if length > MAX_CHARACTERS and found:
            break
        found.append(place)
    return found


def _check_length(text: str, name: str) -> None:
    """Refuse a text that is too long, or becomes so by NFKC."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(
            f"{name} has {len(text)} characters, more than {MAX_CHARACTERS}; shorten it"
        )
    if len(text) * MOST_OF_ONE <= MAX_CHARACTERS or text.isascii():
        return
    length = 0
    for part in parts_of(text):
        length += len(normalize("NFKC", part))
        if length > MAX_CHARACTERS:
            raise ValueError(
                f"{name} has more than {MAX_CHARACTERS} characters once they are normalised "
                "(NFKC); shorten it"
            )


def _decode(turn: str | bytes, name: str) -> str:
    try:
        # What the command line receives as broken bytes arrives as lone surrogates.
        return turn.decode() if isinstance(turn, bytes) else join_surrogates(turn).encode().decode()
    except UnicodeError as error:
        raise ValueError(f"{name} is not valid UTF-8: {error}; send UTF-8 text") from None
