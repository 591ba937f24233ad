"""Escape sequences of terminals (ECMA-48), which a keyboard sends and colours are made of."""

from __future__ import annotations

import re

ESCAPE = "\x1b"
SEQUENCE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]?"  # CSI: arrows, Home and End, colours, the marks of a bracketed paste
    r"|[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # strings: titles, links
    r"|O[ -~]?"  # SS3: function keys, and arrows of some terminals
    r"|[!-/]*[0-~]?"  # all others: Alt and a key, character sets; a blank ends a stray escape
    r")"
)


def strip_escapes(text: str) -> str:
    """The text without escape sequences: they are keys and colours, and never words."""
    return SEQUENCE.sub("", text) if ESCAPE in text else text
