"""Stop strings: where a reply's text ends before the model ends it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mime_fast.text.reply_tokenizer import ReplyDetokenizer, ReplyTokenizer

# Replies in progress, 30 MB at most; a step of 10,000 samples, or of 1000 beams, adds fewer.
MOST_IN_PROGRESS = 32_768


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


class _Progress(NamedTuple):
    """A reply so far: the words that came, as text, and whether it contains a stop string."""

    detokenizer: ReplyDetokenizer
    end: str  # of its text, as long as a stop string that the next words may complete
    stopped: bool


class StopCondition:
    """Whether the text of a reply's tokens contains a stop string; what a search calls each step.

    Text that waits for the next word (a ":" may become a smiley) is not looked at yet.
    """

    def __init__(self, tokenizer: ReplyTokenizer, stop: Sequence[str]) -> None:
        self._tokenizer, self._stop = tokenizer, stop
        self._longest = max(map(len, stop))
        self._progress: dict[tuple[int, ...], _Progress] = {}

    def __call__(self, tokens: Sequence[int]) -> bool:
        """Tokens: of the whole reply so far; most calls add one to those of an earlier call."""
        return self._read(tuple(tokens)).stopped

    def _read(self, tokens: tuple[int, ...]) -> _Progress:
        known = len(tokens)
        while known and tokens[:known] not in self._progress:
            known -= 1
        empty = _Progress(self._tokenizer.detokenizer(), "", stopped=False)
        progress = self._progress.get(tokens[:known], empty)
        for token in tokens[known:]:
            progress = self._after(progress, token)
        if len(self._progress) >= MOST_IN_PROGRESS:
            del self._progress[next(iter(self._progress))]  # the oldest
        self._progress[tokens] = progress
        return progress

    def _after(self, progress: _Progress, token: int) -> _Progress:
        detokenizer = copy.copy(progress.detokenizer)
        text = progress.end + detokenizer.push(self._tokenizer.word(token))
        stopped = progress.stopped or find_stop(text, self._stop) >= 0
        return _Progress(detokenizer, text[max(0, len(text) - self._longest + 1) :], stopped)
