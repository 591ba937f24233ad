"""One way to write a turn: casing, contractions and punctuation as an editor would correct them.

Messages and training text are tidied alike, so that "i lost my dog" and "I lost my dog." are one.
"""

from __future__ import annotations

import re

from mime_fast.text.characters import APOSTROPHES

STRAIGHT = str.maketrans(
    dict.fromkeys(APOSTROPHES, "'") | dict.fromkeys("\u201c\u201d", '"') | {"\u2026": "..."}
)
CONTRACTIONS = {
    written: written[:-1] + "'" + written[-1]
    for written in (
        *("arent", "cant", "couldnt", "didnt", "doesnt", "dont", "hadnt", "hasnt", "havent"),
        *("im", "isnt", "shouldnt", "thats", "theres", "wasnt", "werent", "whats", "wont"),
        "wouldnt",
    )
} | {"ive": "i've", "youre": "you're", "theyre": "they're", "youve": "you've", "weve": "we've"}
# Ignoring case in ASCII alone: a dotless i is none, and CONTRACTIONS lacks it.
BARE = re.compile(rf"\b(?ai:{'|'.join(CONTRACTIONS)})\b")
SELF = re.compile(r"\bi(?=$|[\s,!?;:)\"]|\.(?:\s|$)|'(?:m|ve|ll|d)\b)")
SENTENCE = re.compile(r"(?:^|(?<![.])[.!?][\"')]*\s+)[\"'(]*([a-z])")
SPACE_BEFORE = re.compile(r"\s+([,.!?;:])(?=\s|$)")
GLUED = re.compile(r"(?<=[a-z][.!?])(?=[A-Z][a-z'])")


def tidy(text: str) -> str:
    """The text with straight quotes, single blanks, capital letters and a final mark.

    >>> tidy("i lost my dog .  im so sad")
    "I lost my dog. I'm so sad."
    """
    text = SPACE_BEFORE.sub(r"\1", " ".join(text.translate(STRAIGHT).split()))
    text = GLUED.sub(" ", text)
    text = BARE.sub(_contracted, text)
    text = SELF.sub("I", text)
    text = SENTENCE.sub(lambda match: match[0][:-1] + match[1].upper(), text)
    return text + "." if text and text[-1].isalnum() else text


def _contracted(match: re.Match[str]) -> str:
    written = match[0]
    contracted = CONTRACTIONS[written.lower()]
    return contracted[0].upper() + contracted[1:] if written[0].isupper() else contracted
