"""Fixed replies to signals of a crisis.

They follow the guidelines for safe messaging: no method, no judgement, no promise, no statistics;
help by people comes first. They name no phone number: those differ by country and change.
"""

from __future__ import annotations

from mime_fast.types import Crisis

SELF = (
    "I am really sorry that you are in so much pain, and I am glad that you said it. "
    "I am only a program, and you deserve a person who can listen to you. "
    "Please talk to someone you trust, a doctor or a crisis line as soon as you can. "
    "If you might act on this, please call your local emergency services now, "
    "or ask someone to stay with you."
)
ACT_UNDER_WAY = (
    "I am so sorry that you are hurting this much. Your safety comes first now. "
    "If you are in danger or injured, please call your local emergency services right now, "
    "or ask someone near you to call and to stay with you. "
    "I am only a program; please let a person help you, even if it is hard to ask."
)
HARM_BY_OTHERS = (
    "I am so sorry. What was done to you is not your fault. "
    "If you are in danger now, please call your local emergency services, "
    "and go to a safe place if you can. "
    "I am only a program; please consider talking to someone you trust, a doctor or a support "
    "service for people who have been hurt. You decide what you tell them, and when."
)
HARM_TO_OTHERS = (
    "It sounds as if a great deal has built up, and it matters that you said it. "
    "Please do not act on it: step away for now, and talk to someone you trust, a doctor or a "
    "crisis line. If somebody could get hurt, please call your local emergency services now."
)
OTHER = (
    "I am sorry; it is hard to be worried about somebody in this way, and it is right to take it "
    "seriously. If they are in danger now, please call your local emergency services, and do not "
    "leave them alone if you can be there safely. Otherwise ask them how they are, listen without "
    "judging, and help them to reach a doctor, a crisis line or someone they trust. "
    "Please talk to somebody about it too; you need not carry this alone."
)
HARM_TO_ANOTHER = (
    "I am so sorry; that is frightening, and it is right to take it seriously. "
    "If anybody is in danger now, please call your local emergency services, "
    "and do not put yourself in danger. Otherwise a support service, a doctor or someone you both "
    "trust can help; whoever has been hurt is not to blame."
)
# The speaker goes on, and the signal was in an earlier turn.
GOING_ON = (
    "I am still thinking of what you told me before, and I do not want to pass over it. "
    "Are you safe right now? If not, please call your local emergency services. "
    "And please talk to a person about it, someone you trust, a doctor or a crisis line; "
    "I am only a program."
)

_REPLIES = {
    ("act_under_way", "self"): ACT_UNDER_WAY,
    ("harm_by_others", "self"): HARM_BY_OTHERS,
    ("harm_to_others", "self"): HARM_TO_OTHERS,
    ("harm_by_others", "other"): HARM_TO_ANOTHER,
    ("harm_to_others", "other"): HARM_TO_ANOTHER,
}


def crisis_reply(crisis: Crisis, turns: int) -> str:
    """The reply to a signal in a history of so many turns."""
    if crisis.turn < turns - 1:
        return GOING_ON
    key = crisis.category, crisis.about
    return _REPLIES.get(key, SELF if crisis.about == "self" else OTHER)
