"""Signals of a crisis in what a speaker writes, found by tables of rules; imports no torch."""

from mime_fast.text.crisis.finder import CATEGORIES, find_crisis
from mime_fast.text.crisis.replies import crisis_reply

__all__ = ["CATEGORIES", "crisis_reply", "find_crisis"]
