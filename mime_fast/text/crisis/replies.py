"""Fixed replies to signals of a crisis: replies.txt."""

from __future__ import annotations

from mime_fast.text.crisis.tables import sections
from mime_fast.types import Crisis


def crisis_reply(crisis: Crisis, turns: int) -> str:
    """The reply to a signal in a history of so many turns."""
    listed = sections("replies")
    if crisis.turn < turns - 1:
        return listed[f"earlier turn {crisis.about}"][0]
    return listed.get(f"{crisis.category} {crisis.about}", listed[crisis.about])[0]
