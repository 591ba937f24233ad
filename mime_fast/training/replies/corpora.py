"""Conversations of any corpus, without those that would be harmful replies to a person in distress.

A conversation is kept if its turns hold no word of unwanted.txt, no address, no link, and no number
of five digits or more. No turn may have more than LONGEST_TURN words. What is left of a turn after
tidying must not be empty.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mime_fast.emotions import EMOTIONS
from mime_fast.text.examples import check_utterances
from mime_fast.text.published import Problem, Record
from mime_fast.text.records import describe, read_records
from mime_fast.text.word_list import WordList

LONGEST_TURN = 60  # words
PRIVATE = re.compile(r"@\w|https?:|www\.|\.com\b|\d{5}|\d{3}[-. ]\d{3,4}\b")
SOURCES = {  # FOLDER/NAME.jsonl, and its licence; all allow weights to be shipped
    "chitchat": "MIT",
    "edos": "CC BY 4.0",
    "self_dialogue": "BSD-3-Clause",
    "synthetic_persona_chat": "CC BY 4.0",
    "topical_chat": "CDLA-Sharing-1.0",
}


class CorpusDialogue(NamedTuple):
    """A conversation of a corpus, and its emotion where the corpus names one of ours."""

    utterances: list[str]
    emotion: int | None


def load_corpora(folder: Path, turns: int, seed: int) -> list[CorpusDialogue]:
    """Wanted conversations of each source, FOLDER/SOURCE.jsonl, until they hold so many turns.

    Raises:
        FileNotFoundError: a source is missing.
        ValueError: a line is no conversation; it names the file and the line.
    """
    found: list[CorpusDialogue] = []
    for source in SOURCES:
        found += sample(_read(folder / f"{source}.jsonl"), turns, seed)
    return found


def _read(path: Path) -> list[CorpusDialogue]:
    found = [_dialogue(record) for record in read_records(path)]
    if problems := [each for each in found if isinstance(each, Problem)]:
        raise ValueError(describe(path, problems))
    return [each for each in found if isinstance(each, CorpusDialogue)]


def _dialogue(record: Record | Problem) -> CorpusDialogue | Problem:
    if isinstance(record, Problem):
        return record
    if "utterances" not in record.fields:
        return Problem(record.line, "lacks 'utterances'; write the turns as a list of strings")
    try:
        turns = check_utterances(record.fields["utterances"])
        return CorpusDialogue(turns, _emotion(record.fields.get("emotion")))
    except (TypeError, ValueError) as error:
        return Problem(record.line, str(error))


def _emotion(name: object) -> int | None:
    """The id of an emotion of ours; a corpus may also have others, such as questioning."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeError(
            f"emotion must be a string, got {name!r:.80}; leave it out if none is known"
        )
    if name in EMOTIONS:
        return EMOTIONS.index(name)
    if (ours := name.strip().lower()) in EMOTIONS:
        raise ValueError(f"emotion is {name!r:.80}; write it as {ours!r}")
    return None


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
