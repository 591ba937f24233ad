"""Messages of roles -> the turns of a dialogue: the speaker's and the listener's, alternating."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from mime_fast.server.errors import ApiError

DROPPED = ("system", "developer")  # MIME follows no instructions
TEXT_PARTS = ("text", "input_text", "output_text")


class Part(msgspec.Struct, gc=False):
    """A part of a message; only text is read."""

    type: str
    text: str | None = None


class ChatMessage(msgspec.Struct, gc=False):
    """A message. Other fields, as clients repeat them of our answers, are not read."""

    role: str
    content: str | list[Part] | None = None


class Turns(NamedTuple):
    """Turns of a dialogue, and the client's name of the message with which each begins."""

    texts: list[str]
    turn_names: list[str]


def to_turns(messages: Sequence[Any], name: str = "messages") -> Turns:
    """The turns, the speaker's first and last.

    Instructions are dropped, and so are empty messages of the listener and those before the
    speaker's first. Messages of one role in a row are joined.
    """
    turns = Turns([], [])
    for number, message in enumerate(messages):
        place = f"{name}[{number}]"
        if message.role in DROPPED:
            continue
        text = _text(message.content, place)
        if message.role == "user":
            _append(turns, text, place, listener=False)
        elif message.role == "assistant":
            if turns.texts and text.strip():
                _append(turns, text, place, listener=True)
        else:
            raise ApiError(
                400,
                f"{place}.role must be user, assistant, system or developer, got {message.role!r}",
                f"{place}.role",
            )
    if len(turns.texts) % 2 == 0:
        raise ApiError(400, f"{name} must end with a message of the user", name)
    return turns


def _append(turns: Turns, text: str, place: str, *, listener: bool) -> None:
    """Turns at odd indices are the listener's."""
    texts = turns.texts
    if len(texts) % 2 == listener:
        texts.append(text)
        turns.turn_names.append(f"{place}.content")
    else:
        texts[-1] = f"{texts[-1]}\n{text}".strip()


def _text(content: Any, place: str) -> str:
    if isinstance(content, str):
        return content
    parts = []
    for number, part in enumerate(content or ()):
        if part.type not in TEXT_PARTS:
            where = f"{place}.content[{number}]"
            raise ApiError(
                400, f"{where} has the type {part.type!r}; this model reads text only", where
            )
        parts.append(part.text or "")
    return "\n".join(parts)
