"""A turn of the speaker as the rules of words read it: what several of them need, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from mime_fast.text.crisis.spelling import SUSPICIOUS, fold, reveal, sentences_of
from mime_fast.text.message import turns_to_search


class SpeakerTurn:
    """One turn; place: its index in the history."""

    def __init__(self, text: str, place: int = 0) -> None:
        self.text, self.place = text, place
        self._sentences: dict[str, list[list[str]]] = {}  # by the plain text

    @cached_property
    def _folded(self) -> str:
        return fold(self.text)

    def plain(self, known: frozenset[str]) -> str:
        """The text as `fold` writes it, and hidden words as `reveal` does."""
        folded = self._folded
        return reveal(folded, known) if SUSPICIOUS.search(folded) else folded

    def sentences(self, plain: str) -> list[list[str]]:
        """The sentences of a plain text of this turn; nobody may change them."""
        if plain not in self._sentences:
            self._sentences[plain] = sentences_of(plain)
        return self._sentences[plain]


def speaker_turns(turns: Sequence[str]) -> list[SpeakerTurn]:
    """The turns that rules search, of a history (speaker first, alternating); the latest first."""
    return [SpeakerTurn(turns[place], place) for place in turns_to_search(turns)]
