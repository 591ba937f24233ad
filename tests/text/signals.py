"""Crises, grave things and plain texts, each found in turns that nothing else has read."""

from __future__ import annotations

from mime_fast.text.crisis import SpeakerTurn, find_crisis, speaker_turns
from mime_fast.text.grave.finder import Gravity, find_gravity
from mime_fast.types import Crisis


def crisis_in(*turns: str) -> Crisis | None:
    """The crisis in a history of turns."""
    return find_crisis(speaker_turns(turns))


def gravity_in(*turns: str) -> Gravity:
    """How grave a history of turns is."""
    return find_gravity(speaker_turns(turns))


def plain_text(text: str) -> str:
    """The text without hidden words that are known."""
    return SpeakerTurn(text).plain(frozenset())
