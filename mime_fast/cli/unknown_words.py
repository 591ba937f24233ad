"""The warning that most words of a message are unknown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mime_fast.types import Response


def warn_unknown(response: Response, where: str = "") -> None:
    """One line on standard error where half of the words or more are unknown.

    Half, since a foreign sentence often has a word that English has, too; of 5,255 English test
    messages 3 reach it.
    """
    words, unknown = response.words, response.unknown_words
    if unknown and 2 * unknown >= words:
        lacks = f"the vocabulary lacks {unknown} of {words} words"
        print(f"{where}({lacks}: the reply may not fit the message)", file=sys.stderr)
