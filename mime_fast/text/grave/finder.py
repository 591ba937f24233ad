"""How grave a message is, and which replies do not suit it: rules of words.

A message that is called grave for nothing loses its cheerful replies; one that is called a death
loses questions, hope and advice, too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import IntEnum
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from mime_fast.text.crisis.patterns import PatternSet
from mime_fast.text.crisis.tables import sections
from mime_fast.text.crisis.turn import SpeakerTurn
from mime_fast.text.word_list import WordList

FOLDER = Path(__file__).parent
CAREFUL_REPLIES = sections("careful", FOLDER)
DEATHS = {"certain_death"}  # sections of patterns.txt
# A stream of random numbers that no sequence of a request draws tokens from: there are 10,000.
CAREFUL_STREAM = 2**32 - 1


class Gravity(IntEnum):
    """How grave a message is."""

    NONE = 0
    GRAVE = 1
    DEATH = 2


class _Rules:
    """The tables by which a message has a gravity."""

    def __init__(self) -> None:
        self._words = {Gravity.DEATH: _word_list("death"), Gravity.GRAVE: _word_list("grave")}
        listed = sections("patterns", FOLDER)
        self._patterns = {
            Gravity.DEATH: _patterns(listed, DEATHS),
            Gravity.GRAVE: _patterns(listed, listed.keys() - DEATHS),
        }
        harmless = sections("harmless", FOLDER)
        self._harmless = _patterns(harmless, harmless)
        self.words = frozenset[str]().union(*(each.words for each in self._words.values()))

    def find(self, sentence: Sequence[str]) -> Gravity:
        words = self._harmless.hide(sentence)
        for gravity, listed in self._words.items():
            if listed.occurs_among(words) or self._patterns[gravity].matches(words):
                return gravity
        return Gravity.NONE


def _patterns(listed: dict[str, list[str]], names: Collection[str]) -> PatternSet:
    """The patterns of some sections."""
    return PatternSet(pattern for name in sorted(names) for pattern in listed[name])


@cache
def _word_list(name: str) -> WordList:
    return WordList(FOLDER / f"{name}.txt")


@cache
def _rules() -> _Rules:
    return _Rules()


def find_gravity(turns: Sequence[SpeakerTurn]) -> Gravity:
    """That of the gravest thing that any of what speaker_turns() returns mentions."""
    return max(map(_gravity_of_turn, turns), default=Gravity.NONE)


def _gravity_of_turn(turn: SpeakerTurn) -> Gravity:
    rules = _rules()
    # Nobody hides these words, so that plain letters need no more than lower case.
    plain = turn.text.lower() if turn.text.isascii() else turn.plain(rules.words)
    return max(map(rules.find, turn.sentences(plain)), default=Gravity.NONE)


def suits(reply: str, gravity: Gravity) -> bool:
    """Whether a reply is not cheerful, and if the message tells of a death, not careless."""
    is_careless = gravity is Gravity.DEATH and _word_list("careless").occurs_in(reply.lower())
    return not is_careless and not is_cheerful(reply)


def is_cheerful(reply: str) -> bool:
    """Whether a reply congratulates, jokes or is glad."""
    return _word_list("cheerful").occurs_in(reply.lower())


def careful_replies(seed: int, count: int, gravity: Gravity) -> list[str]:
    """The first `count` fixed replies in the order that the seed draws, which then repeats.

    A message without gravity may be pleasant.
    """
    from mime_fast import _C  # noqa: PLC0415 - text is read before it is built, too

    replies = CAREFUL_REPLIES["uncertain" if gravity is Gravity.NONE else "grave"]
    drawn = _C.philox_uniform(seed, CAREFUL_STREAM, 0, len(replies))
    order = [replies[index] for index in drawn.argsort(kind="stable")]
    return list(islice(cycle(order), count))
