"""The 32 emotions of EmpatheticDialogues and their two groups (MIME, section 3.3)."""

EMOTIONS: tuple[str, ...] = (
    "surprised",
    "excited",
    "annoyed",
    "proud",
    "angry",
    "sad",
    "grateful",
    "lonely",
    "impressed",
    "afraid",
    "disgusted",
    "confident",
    "terrified",
    "hopeful",
    "anxious",
    "disappointed",
    "joyful",
    "prepared",
    "guilty",
    "furious",
    "nostalgic",
    "jealous",
    "anticipating",
    "embarrassed",
    "content",
    "devastated",
    "sentimental",
    "caring",
    "trusting",
    "ashamed",
    "apprehensive",
    "faithful",
)

# The order inside a group is the row order of the authors' mixture weights, so it is part of
# the checkpoint format.
POSITIVE: tuple[int, ...] = (11, 16, 6, 8, 3, 1, 28, 13, 31, 17, 24, 0, 27)
NEGATIVE: tuple[int, ...] = (9, 4, 2, 14, 30, 29, 25, 15, 10, 23, 19, 18, 21, 7, 20, 5, 26, 12, 22)


def emotion_id(name: str) -> int:
    """The id of an emotion; ValueError lists the names when it is unknown."""
    try:
        return EMOTIONS.index(name)
    except ValueError:
        known = ", ".join(sorted(EMOTIONS))
        raise ValueError(f"unknown emotion {name!r:.80}; use one of: {known}") from None


def polarity(emotion: int) -> str:
    """The group of an emotion id: "positive" or "negative"."""
    return "positive" if emotion in POSITIVE else "negative"
