"""Whether a message is grave, and a reply cheerful: rules of words, as careful as rules can be.

A message that is called grave for nothing loses its cheerful replies and no more.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from mime_fast.text.crisis.spelling import plain_text
from mime_fast.text.word_list import WordList

FOLDER = Path(__file__).parent
# Where every reply that was generated is too cheerful; the seed decides.
CAREFUL_REPLIES = (
    "I am so sorry. That must be very hard.",
    "I am so sorry. Do you want to tell me more about it?",
    "I am really sorry. How are you holding up?",
    "I am so sorry that this happened.",
    "That is a lot to carry. I am sorry.",
    "I am sorry. Is there somebody who is with you in this?",
)


@cache
def _lists() -> tuple[WordList, WordList]:
    return WordList(FOLDER / "grave.txt"), WordList(FOLDER / "cheerful.txt")


def is_grave(turns: Sequence[str]) -> bool:
    """Whether the speaker's turns, every other one and the last, tell of something grave."""
    grave, _ = _lists()
    return any(
        # Nobody hides these words, so that plain letters need no more than lower case.
        grave.occurs_in(turn.lower() if turn.isascii() else plain_text(turn, grave.words))
        for turn in turns[::-2]
    )


def is_cheerful(reply: str) -> bool:
    """Whether a reply congratulates, jokes or is glad."""
    _, cheerful = _lists()
    return cheerful.occurs_in(reply.lower())


def careful_replies(seed: int, count: int) -> list[str]:
    """So many fixed replies; as many as there are differ."""
    order = random.Random(seed).sample(CAREFUL_REPLIES, len(CAREFUL_REPLIES))  # noqa: S311
    return list(islice(cycle(order), count))
