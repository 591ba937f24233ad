"""Conversations of any corpus, without those that would be harmful replies to a person in distress.

The rule, for a whole conversation: no turn holds a word of unwanted.txt, an address, a link, or a
number of five digits or more; and no turn has more than LONGEST_TURN words. What is left of a turn
after tidying must not be empty.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mime_fast.emotions import EMOTIONS
from mime_fast.files import parse_json, read_errors
from mime_fast.text.word_list import WordList

LONGEST_TURN = 60  # words
PRIVATE = re.compile(r"@\w|https?:|www\.|\.com\b|\d{5}|\d{3}[-. ]\d{3,4}\b")
SOURCES = ("chitchat", "edos", "self_dialogue", "synthetic_persona_chat", "topical_chat")


class CorpusDialogue(NamedTuple):
    """A conversation of a corpus, and its emotion where the corpus names one of ours."""

    utterances: list[str]
    emotion: int | None


def load_corpora(folder: Path, turns: int, seed: int) -> list[CorpusDialogue]:
    """Wanted conversations of each source, FOLDER/SOURCE.jsonl, until they hold so many turns.

    Raises:
        FileNotFoundError: a source is missing.
        ValueError: a line is no conversation.
    """
    found: list[CorpusDialogue] = []
    for source in SOURCES:
        found += sample(_read(folder / f"{source}.jsonl"), turns, seed)
    return found


def _read(path: Path) -> list[CorpusDialogue]:
    with read_errors(path), path.open(encoding="utf-8") as file:
        return [_dialogue(path, number, line) for number, line in enumerate(file, 1)]


def _dialogue(path: Path, number: int, line: str) -> CorpusDialogue:
    try:
        record = parse_json(line)
        turns = [str(turn) for turn in record["utterances"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}:{number}: is no conversation ({error!r:.80})") from error
    name = record.get("emotion")
    return CorpusDialogue(turns, EMOTIONS.index(name) if name in EMOTIONS else None)


def is_wanted(utterances: Sequence[str]) -> bool:
    """Whether the rule above keeps a conversation."""
    return len(utterances) > 1 and all(
        turn.strip()
        and len(turn.split()) <= LONGEST_TURN
        and not PRIVATE.search(turn)
        and not _unwanted().occurs_in(turn.lower())
        for turn in utterances
    )


@cache
def _unwanted() -> WordList:
    return WordList(Path(__file__).with_name("unwanted.txt"))


def sample(
    conversations: Sequence[CorpusDialogue], turns: int, seed: int
) -> Iterator[CorpusDialogue]:
    """Wanted conversations in an order drawn by the seed, until they hold so many turns."""
    order = random.Random(seed).sample(range(len(conversations)), len(conversations))  # noqa: S311
    left = turns
    for index in order:
        if left <= 0:
            return
        if is_wanted(conversations[index].utterances):
            left -= len(conversations[index].utterances)
            yield conversations[index]
