"""The boundary where a caller's text is checked, once."""

from __future__ import annotations

from collections.abc import Sequence

from mime_fast.text.surrogates import join_surrogates

MAX_CHARACTERS = 100_000


def check_turns(message: str | bytes | Sequence[str | bytes]) -> list[str]:
    """A message, or a history of turns (speaker first, alternating), as a list of strings.

    Raises TypeError for other types; ValueError names what is empty, too long, not UTF-8, or a
    history of even length.
    """
    if not isinstance(message, Sequence):
        raise TypeError(f"a message must be a str or a list of str, got {type(message).__name__}")
    turns = [message] if isinstance(message, (str, bytes)) else list(message)
    if len(turns) % 2 == 0:
        raise ValueError(
            f"a history must hold an odd number of turns (speaker first, speaker last), "
            f"got {len(turns)}"
        )
    return [_check_turn(turn, number) for number, turn in enumerate(turns, 1)]


def _check_turn(turn: str | bytes, number: int) -> str:
    if not isinstance(turn, (str, bytes)):
        raise TypeError(f"turn {number} must be a str, got {type(turn).__name__}")
    text = _decode(turn, number)
    if len(text) > MAX_CHARACTERS:
        raise ValueError(
            f"turn {number} has {len(text)} characters, more than {MAX_CHARACTERS}; shorten it"
        )
    if not text.strip():
        raise ValueError(f"turn {number} is empty; write at least one word")
    return text


def _decode(turn: str | bytes, number: int) -> str:
    try:
        # What the command line receives as broken bytes arrives as lone surrogates.
        return turn.decode() if isinstance(turn, bytes) else join_surrogates(turn).encode().decode()
    except UnicodeError as error:
        raise ValueError(f"turn {number} is not valid UTF-8: {error}; send UTF-8 text") from None
