"""Dialogue context: turns -> word ids and speaker ids, as in the released code."""

from __future__ import annotations

from collections.abc import Sequence

from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.special import CLS, SYS, USR
from mime_fast.types import Dialogue


def encode_dialogue(
    tokenizer: ReplyTokenizer, turns: Sequence[str], max_positions: int
) -> Dialogue:
    """Encode turns, oldest first; the last one is the speaker's, and they alternate.

    When CLS and all words exceed max_positions, the latest turns that fit are kept. A latest turn
    that is too long by itself keeps its latest words.
    """
    room = max_positions - 1
    kept = _latest_that_fit(tokenizer, turns, room)
    first = len(turns) - len(kept)
    dropped_words = max(0, len(kept[0]) - room)
    tokens, speakers = [CLS], [CLS]
    for place, ids in enumerate(kept, 1):
        tokens += ids[-room:]
        is_speaker = (len(kept) - place) % 2 == 0
        speakers += [USR if is_speaker else SYS] * len(ids[-room:])
    return Dialogue(tokens, speakers, first, dropped_words, min(room, len(kept[-1])))


def _latest_that_fit(tokenizer: ReplyTokenizer, turns: Sequence[str], room: int) -> list[list[int]]:
    """The ids of the latest turns, at least one; what comes before is not even tokenised."""
    kept = [_encode_turn(tokenizer, turns[-1])]
    for turn in reversed(turns[:-1]):
        room_left = room - sum(map(len, kept))
        if len(ids := _encode_turn(tokenizer, turn)) > room_left:
            break
        kept.insert(0, ids)
    return kept


def _encode_turn(tokenizer: ReplyTokenizer, turn: str) -> list[int]:
    return [*tokenizer.encode(turn), *tokenizer.turn_end]
