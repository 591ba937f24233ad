"""Lists of words and phrases in text files."""

from __future__ import annotations

import re
from operator import methodcaller
from pathlib import Path

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_PATTERN_WORD = re.compile(rf"{_WORD.pattern}\*?")


def content_lines(path: Path) -> list[str]:
    """The lines that are neither empty nor comments, which begin with #."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class WordList:
    """The patterns of a file: separated by commas; * after the last word stands for any ending.

    # begins a comment.
    """

    def __init__(self, path: Path) -> None:
        text = ",".join(content_lines(path))
        phrases = [_PATTERN_WORD.findall(part) for part in text.split(",") if part.strip()]
        self.words = frozenset(word.rstrip("*") for phrase in phrases for word in phrase)
        alone = [word for word, *rest in phrases if not rest]
        self._alone = frozenset(word for word in alone if word[-1] != "*")
        self._has_stem = methodcaller("startswith", tuple(w[:-1] for w in alone if w[-1] == "*"))
        self._longer: dict[str, list[list[str]]] = {}  # by the first word
        for phrase in phrases:
            if len(phrase) > 1:
                self._longer.setdefault(phrase[0], []).append(phrase)

    def occurs_in(self, text: str) -> bool:
        """Whether any pattern does, in words of the text; `text` is in lower case."""
        # One by one: nothing interrupts findall, which takes 40 ms of a long message.
        return self.occurs_among([match[0] for match in _WORD.finditer(text)])

    def occurs_among(self, words: list[str]) -> bool:
        """Whether any pattern does, in words in their order and in lower case."""
        if not self._alone.isdisjoint(words) or any(map(self._has_stem, words)):
            return True
        if self._longer.keys().isdisjoint(words):
            return False
        for place, word in enumerate(words):
            for phrase in self._longer.get(word, ()):
                if _is_phrase(words[place : place + len(phrase)], phrase):
                    return True
        return False


def _is_phrase(words: list[str], phrase: list[str]) -> bool:
    if words == phrase:
        return True
    last = phrase[-1]
    return last[-1] == "*" and words[:-1] == phrase[:-1] and words[-1].startswith(last[:-1])
