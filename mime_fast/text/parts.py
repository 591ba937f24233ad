"""Long texts in parts: a call of the `tokenizers` library is short, since nothing interrupts it.

A short text is one part. csrc/text/parts.cc cuts at the same places.
"""

from __future__ import annotations

import re
from string import ascii_letters

LONGEST_PART = 500  # characters: 0.7 ms of English, 20 ms of U+FDFA, which stands for 18 others
_LETTERS = frozenset(ascii_letters)


def parts_of(text: str, longest: int = LONGEST_PART) -> list[str]:
    """The parts of a text, each of at most so many characters; joined they are the text.

    A part ends between two words of letters, where no rule for words looks across the blank. Where
    there is no such place, it ends before another blank, and where there is none, anywhere.
    """
    parts, begin = [], 0
    while len(text) - begin > longest:
        end = _end_of_part(text, begin, begin + longest)
        parts.append(text[begin:end])
        begin = end
    return [*parts, text[begin:]]


_BETWEEN_WORDS = re.compile("(?<=[A-Za-z])[ \\n](?=[A-Za-z])")


def sentences_apart(text: str) -> list[str]:
    """Parts that end between two words of letters alone, so that the words of the text stay.

    Where there is no such place for long, a part is long.
    """
    if len(text) <= LONGEST_PART:
        return [text]
    parts, begin = [], 0
    while found := _BETWEEN_WORDS.search(text, begin + LONGEST_PART):
        parts.append(text[begin : found.start()])
        begin = found.start()
    return [*parts, text[begin:]]


def _end_of_part(text: str, begin: int, last: int) -> int:
    blank = None
    for place in range(last, begin, -1):
        if text[place] in " \n":
            if text[place - 1] in _LETTERS and text[place + 1 : place + 2] in _LETTERS:
                return place
            blank = blank or place
    return blank or last
