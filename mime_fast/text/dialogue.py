"""Dialogue context: turns -> word ids and speaker ids (spec of the released code, 1.4)."""

from __future__ import annotations

from collections.abc import Sequence

from mime_fast.text.tokenizer import CLS, SYS, USR, Tokenizer
from mime_fast.types import Dialogue


def encode_dialogue(tokenizer: Tokenizer, turns: Sequence[str], max_positions: int) -> Dialogue:
    """Encode turns, oldest first; even ones are the speaker's, odd ones the listener's.

    When CLS and all words exceed max_positions, the latest turns that fit are kept; of a latest
    turn that is too long by itself, its latest words.
    """
    encoded = [tokenizer.encode(turn) for turn in turns]
    room = max_positions - 1
    first = _first_turn_that_fits([len(ids) for ids in encoded], room)
    dropped_words = max(0, len(encoded[first]) - room)
    tokens, speakers = [CLS], [CLS]
    for index in range(first, len(encoded)):
        ids = encoded[index][-room:]
        tokens += ids
        speakers += [USR if index % 2 == 0 else SYS] * len(ids)
    return Dialogue(tokens, speakers, first, dropped_words)


def _first_turn_that_fits(lengths: list[int], room: int) -> int:
    first = len(lengths) - 1
    total = lengths[first]
    while first > 0 and total + lengths[first - 1] <= room:
        first -= 1
        total += lengths[first]
    return first
