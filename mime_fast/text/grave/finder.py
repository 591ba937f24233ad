"""Whether a message is grave, and a reply cheerful: rules of words, as careful as rules can be.

A message that is called grave for nothing loses its cheerful replies and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from mime_fast.text.crisis.patterns import PatternSet
from mime_fast.text.crisis.tables import sections
from mime_fast.text.crisis.turn import SpeakerTurn
from mime_fast.text.word_list import WordList, content_lines

FOLDER = Path(__file__).parent
CAREFUL_REPLIES = content_lines(FOLDER / "careful.txt")
# A stream of random numbers that no sequence of a request draws tokens from: there are 10,000.
CAREFUL_STREAM = 2**32 - 1


@cache
def _lists() -> tuple[WordList, WordList]:
    return WordList(FOLDER / "grave.txt"), WordList(FOLDER / "cheerful.txt")


@cache
def _patterns(table: str) -> PatternSet:
    """The patterns of a table, of all its sections."""
    listed = sections(table, FOLDER).values()
    return PatternSet(pattern for section in listed for pattern in section)


def is_grave(turns: Sequence[SpeakerTurn]) -> bool:
    """Whether any of what speaker_turns() returns mentions something grave."""
    return any(map(_tells_grave_thing, turns))


def _tells_grave_thing(turn: SpeakerTurn) -> bool:
    # Nobody hides these words, so that plain letters need no more than lower case.
    is_plain = turn.text.isascii()
    plain = turn.text.lower() if is_plain else turn.plain(_lists()[0].words)
    return any(map(_is_grave_sentence, turn.sentences(plain)))


def _is_grave_sentence(sentence: Sequence[str]) -> bool:
    words = _patterns("harmless").hide(sentence)
    return _lists()[0].occurs_among(words) or _patterns("patterns").matches(words)


def is_cheerful(reply: str) -> bool:
    """Whether a reply congratulates, jokes or is glad."""
    _, cheerful = _lists()
    return cheerful.occurs_in(reply.lower())


def careful_replies(seed: int, count: int) -> list[str]:
    """The first `count` fixed replies in the order that the seed draws, which then repeats."""
    from mime_fast import _C  # noqa: PLC0415 - text is read before it is built, too

    drawn = _C.philox_uniform(seed, CAREFUL_STREAM, 0, len(CAREFUL_REPLIES))
    order = [CAREFUL_REPLIES[index] for index in drawn.argsort(kind="stable")]
    return list(islice(cycle(order), count))
