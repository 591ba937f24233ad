"""Dialogue context: turns -> word ids and speaker ids, as in the released code."""

from __future__ import annotations

from collections.abc import Sequence

from mime_fast.text.tokenizer import CLS, SYS, USR, Tokenizer
from mime_fast.types import Dialogue


def encode_dialogue(tokenizer: Tokenizer, turns: Sequence[str], max_positions: int) -> Dialogue:
    """Encode turns, oldest first; even ones are the speaker's, odd ones the listener's.

    When CLS and all words exceed max_positions, the latest turns that fit are kept; of a latest
    turn that is too long by itself, its latest words.
    """
    room = max_positions - 1
    kept = _latest_that_fit(tokenizer, turns, room)
    first = len(turns) - len(kept)
    dropped_words = max(0, len(kept[0]) - room)
    tokens, speakers = [CLS], [CLS]
    for index, ids in enumerate(kept, first):
        tokens += ids[-room:]
        speakers += [USR if index % 2 == 0 else SYS] * len(ids[-room:])
    return Dialogue(tokens, speakers, first, dropped_words, min(room, len(kept[-1])))


def _latest_that_fit(tokenizer: Tokenizer, turns: Sequence[str], room: int) -> list[list[int]]:
    """The ids of the latest turns, at least one; what comes before is not even tokenised."""
    kept = [tokenizer.encode(turns[-1])]
    for turn in reversed(turns[:-1]):
        room_left = room - sum(map(len, kept))
        if len(ids := tokenizer.encode(turn)) > room_left:
            break
        kept.insert(0, ids)
    return kept
