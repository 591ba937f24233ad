"""Lists of words and phrases in text files."""

from __future__ import annotations

import re
from pathlib import Path

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_PATTERN_WORD = re.compile(rf"{_WORD.pattern}\*?")

Phrase = tuple[str, ...]  # words; one that ends with * stands for all that begin so


class WordList:
    """The patterns of a file: separated by commas, * stands for any ending, # begins a comment."""

    def __init__(self, path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        text = ",".join(line for line in lines if line and not line.startswith("#"))
        self.phrases = [tuple(_PATTERN_WORD.findall(part)) for part in text.split(",")]
        self.words = frozenset(word.rstrip("*") for phrase in self.phrases for word in phrase)
        self._rest: dict[str, list[Phrase]] = {}  # by the first word: those that follow
        for first, *rest in filter(None, self.phrases):
            self._rest.setdefault(first, []).append(tuple(rest))
        self._stems = tuple(word[:-1] for word in self._rest if word.endswith("*"))

    def occurs_in(self, text: str) -> bool:
        """Whether any pattern does, in words of the text; `text` is in lower case."""
        words = _WORD.findall(text)
        return any(
            _begins(words[place + 1 :], rest)
            for place, word in enumerate(words)
            for rest in self._after(word)
        )

    def _after(self, word: str) -> list[Phrase]:
        """What may follow a word that begins a pattern."""
        found = self._rest.get(word, [])
        if word.startswith(self._stems):
            found = found + [
                rest
                for stem in self._stems
                if word.startswith(stem)
                for rest in self._rest[f"{stem}*"]
            ]
        return found


def _begins(words: list[str], phrase: Phrase) -> bool:
    return len(words) >= len(phrase) and all(
        word.startswith(part[:-1]) if part.endswith("*") else word == part
        for word, part in zip(words, phrase, strict=False)
    )
