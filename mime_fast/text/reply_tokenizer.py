"""What a checkpoint's tokeniser does, whichever it is: Tokenizer or SubwordTokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mime_fast import _C


class ReplyDetokenizer(Protocol):
    """Turns the words of one reply into text; it can be copied with copy.copy."""

    def push(self, word: str, /) -> str:
        """The text that a word adds."""

    def finish(self) -> str:
        """The text that waited for a next word, at the end."""


class ReplyTokenizer(Protocol):
    """Text to the ids of contexts and replies, and back. Special ids: special.py."""

    turn_end: tuple[int, ...]  # the ids that end each turn of a context

    @property
    def vocab_size(self) -> int:
        """Number of ids of a reply."""

    @property
    def context_vocab_size(self) -> int:
        """Number of ids of a context."""

    @property
    def words(self) -> list[str]:
        """The word of each id of a reply; a copy."""

    def encode(self, text: str) -> list[int]:
        """The ids of a turn of a context, without turn_end."""

    def encode_reply(self, text: str) -> list[int]:
        """The ids of a reply, without its end."""

    def count_words(self, ids: Sequence[int], text: str) -> int:
        """How many words the paper's systems would make of a reply; ids: those of encode_reply."""

    def spellings(self, text: str) -> list[list[int]]:
        """The ids that a text may have in a reply."""

    def tokenize(self, text: str) -> list[str]:
        """The text of each id of `encode`; "" where it goes on with the word before."""

    def context_word(self, index: int) -> str:
        """The word of a context's id; "" where it goes on with the word before."""

    def context_piece(self, index: int) -> str:
        """The characters of a context's id, also where it goes on with the word before."""

    def word(self, index: int) -> str:
        """What a detokenizer reads of a reply's id; ValueError: there is no such id."""

    def text_of(self, index: int) -> str:
        """What the probabilities of tokens call a reply's id."""

    def decode(self, ids: Iterable[int]) -> str:
        """The text of a reply."""

    @property
    def reply_words(self) -> _C.ReplyWords:
        """What the ids of a reply write, for a search in C++."""

    @property
    def context_words(self) -> list[str]:
        """The word or word piece of each id of a context; a copy."""

    def as_context(self, ids: Sequence[int]) -> list[int]:
        """The ids of a reply -> those of a context with the same text."""

    def as_words(self, ids: Iterable[int]) -> str:
        """A reply as systems are compared: the words of the paper's systems, joined by blanks."""

    def detokenizer(self) -> ReplyDetokenizer:
        """A new state machine that turns the words of one reply into text."""

    def to_json(self) -> str:
        """The text of a tokenizer.json."""
