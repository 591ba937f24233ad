"""Signals of a crisis in what a speaker writes, found by tables of rules; imports no torch."""

from mime_fast.text.crisis.finder import CATEGORIES, find_crisis
from mime_fast.text.crisis.replies import crisis_reply
from mime_fast.text.crisis.turn import SpeakerTurn, speaker_turns

__all__ = ["CATEGORIES", "SpeakerTurn", "crisis_reply", "find_crisis", "speaker_turns"]
