"""Stop strings: where a reply's text ends before the model ends it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mime_fast.text.reply_tokenizer import ReplyTokenizer


def find_stop(text: str, stop: Sequence[str]) -> int:
    """Where the first stop string in the text begins; -1: there is none."""
    return min((place for string in stop if (place := text.find(string)) >= 0), default=-1)


class StopStream:
    """Cuts a text that comes in pieces, before the first stop string of the text so far.

    What may still become a stop string is held back until it is clear. Pieces after a stop string
    are dropped.

    Example:
        >>> stream = StopStream(("sorry",))
        >>> [stream.push(piece) for piece in ["I am", " so", ".", " s", "orry"]], stream.finish()
        (['I am', ' ', 'so.', ' ', ''], '')
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self.stop = stop
        self.stopped = False
        self._held = ""

    def push(self, piece: str) -> str:
        """What can be shown, now that the text has gone on with this piece."""
        if self.stopped:
            return ""
        text = self._held + piece
        place = find_stop(text, self.stop)
        self.stopped = place >= 0
        shown = place if self.stopped else len(text) - self._unclear(text)
        self._held = text[shown:]
        return text[:shown]

    def finish(self) -> str:
        """What was held back and is no stop string, now that the text is complete."""
        held, self._held = self._held, ""
        return "" if self.stopped else held

    def _unclear(self, text: str) -> int:
        """The length of the longest end of the text that a stop string begins with."""
        longest = max(map(len, self.stop), default=0)
        for start in range(max(0, len(text) - longest + 1), len(text)):
            if any(string.startswith(text[start:]) for string in self.stop):
                return len(text) - start
        return 0


class ReplyText:
    """The text of a reply whose words come one after the other; it ends before a stop string."""

    def __init__(self, tokenizer: ReplyTokenizer, stop: Sequence[str]) -> None:
        self._tokenizer, self._stream = tokenizer, StopStream(stop)
        self._detokenizer = tokenizer.detokenizer()

    def push(self, tokens: Iterable[int]) -> str:
        """The text that these tokens add, as far as it can be shown."""
        words = map(self._tokenizer.word, tokens)
        return self._stream.push("".join(map(self._detokenizer.push, words)))

    def finish(self) -> str:
        """The text that waited for a next word."""
        return self._stream.push(self._detokenizer.finish()) + self._stream.finish()

    @property
    def stopped(self) -> bool:
        """Whether it contained a stop string."""
        return self._stream.stopped
