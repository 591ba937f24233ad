"""The text side of a request: a message to a dialogue, and what its words give away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mime_fast.config import GenerationConfig
from mime_fast.text.crisis import SpeakerTurn, crisis_reply, find_crisis, speaker_turns
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.grave.finder import Gravity, find_gravity
from mime_fast.text.message import check_turns
from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.unknown_words import count_words
from mime_fast.types import Crisis, Dialogue

Message = str | bytes | Sequence[str | bytes]

# ASCII characters that an event loop may read itself: 8 ms of English, 40 ms of spaced letters.
MOST_AT_ONCE = 4_000
_ASCII = bytes(range(128))
_COST_OF_BYTE = 6  # of another character than ASCII: the 18 that U+FDFA stands for, by its 3 bytes


def takes_long(message: Any) -> bool:
    """Whether reading a message would keep an event loop waiting."""
    turns = [message] if isinstance(message, (str, bytes)) else message
    if not isinstance(turns, Sequence):
        return False  # it is refused
    return sum(_cost(turn) for turn in turns if isinstance(turn, (str, bytes))) > MOST_AT_ONCE


def _cost(turn: str | bytes) -> int:
    """About how many ASCII characters take as long."""
    if turn.isascii():
        return len(turn)
    written = turn if isinstance(turn, bytes) else turn.encode(errors="surrogatepass")
    others = len(written.translate(None, _ASCII))
    return len(written) + (_COST_OF_BYTE - 1) * others


@dataclass(frozen=True)
class ReadMessage:
    """A message that was checked and encoded."""

    dialogue: Dialogue
    words: int  # of the last turn
    unknown_words: int
    crisis: Crisis | None
    fixed: str | None  # the reply to a crisis; None: one is generated
    gravity: Gravity  # of a crisis or another grave thing that avoid_cheer heeds


def read_messages(
    tokenizer: ReplyTokenizer,
    max_positions: int,
    messages: Sequence[Message],
    options: GenerationConfig,
) -> list[ReadMessage]:
    """Read each message for a model of so many positions.

    Raises TypeError or ValueError, which says which message and what is wrong with it.
    """
    found = []
    for number, message in enumerate(messages, 1):
        try:
            found.append(_read(tokenizer, max_positions, message, options))
        except (TypeError, ValueError) as error:
            if len(messages) == 1:
                raise
            raise type(error)(f"message {number} of {len(messages)}: {error}") from error
    return found


def _read(
    tokenizer: ReplyTokenizer, max_positions: int, message: Message, options: GenerationConfig
) -> ReadMessage:
    turns = check_turns(message)
    dialogue = encode_dialogue(tokenizer, turns, max_positions)
    if not dialogue.last_turn:  # it held nothing but what the tokeniser deletes
        raise ValueError(f"the message {turns[-1]!r:.60} holds no word; write at least one")
    ids = dialogue.tokens[-dialogue.last_turn :]
    words, unknown_words = count_words(tokenizer, turns[-1], ids)
    said = speaker_turns(turns)
    crisis = None if options.on_crisis == "off" else find_crisis(said)
    fixed = None
    if crisis is not None and options.on_crisis == "reply":
        fixed = options.crisis_reply or crisis_reply(crisis, len(turns))
    return ReadMessage(
        dialogue=dialogue,
        words=words,
        unknown_words=unknown_words,
        crisis=crisis,
        fixed=fixed,
        gravity=_gravity(said, crisis) if options.avoid_cheer else Gravity.NONE,
    )


def _gravity(said: Sequence[SpeakerTurn], crisis: Crisis | None) -> Gravity:
    return max(find_gravity(said), Gravity.NONE if crisis is None else Gravity.GRAVE)
