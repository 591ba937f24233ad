"""EmpatheticDialogues as published: a CSV of one utterance a row.

No field is quoted: a double quote is a character like any other, and a comma in a text is written
`_comma_`. Rows of the validation and test files have a ninth field, with candidates.

Turns alternate, the speaker first. The published code too takes the even utterances for the
listener's, and does not use `speaker_idx`. In a few conversations a person has two rows in a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from mime_fast.emotions import emotion_id
from mime_fast.text.message import check_turn

HEADER = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags"
NEEDED = 6  # fields; those behind the utterance may be missing
# Such as 5|5|5_2|2|5. Anything else is the rest of an utterance that holds a comma.
RATINGS = re.compile(r"\s*|[^\sA-Za-z]+\s*|NA|nan|None")
COMMA = "write a comma in a text as _comma_"


class Record(NamedTuple):
    """A line of JSON, or the rows of a conversation, that starts on `line`."""

    line: int
    fields: dict[str, Any]
    speaks_twice: bool = False  # one person has two utterances in a row


class Problem(NamedTuple):
    """What is wrong with a line, and the remedy."""

    line: int
    what: str


@dataclass(frozen=True)
class Row:
    """An utterance."""

    line: int
    conversation: str
    place: str  # utterance_idx, from 1
    emotion: str
    situation: str
    speaker: str
    text: str


def read_rows(lines: Iterable[tuple[int, str]]) -> Iterator[Record | Problem]:
    """The conversations of the numbered lines behind the header.

    A conversation with a problem is left out; the problem is yielded in its place.
    """

    def conversation(line: tuple[int, str]) -> str:
        return line[1].partition(",")[0]

    for _, group in groupby(lines, conversation):
        checked = [_check_row(number, line) for number, line in group]
        problems = [row for row in checked if isinstance(row, Problem)]
        rows = [row for row in checked if isinstance(row, Row)]
        if not problems:
            problems = _check_order(rows)
        if problems:
            yield from problems
        else:
            yield _record(rows)


def _check_row(number: int, line: str) -> Row | Problem:
    fields = line.split(",")
    if len(fields) < NEEDED:
        return Problem(number, f"has {len(fields)} fields of the 8 of {HEADER}; mend the row")
    conversation, place, emotion, situation, speaker, text = fields[:NEEDED]
    if not speaker.strip().isdecimal():
        return Problem(number, f"speaker_idx must be a number, got {speaker!r:.40}; {COMMA}")
    if len(fields) > NEEDED and not RATINGS.fullmatch(fields[NEEDED]):
        return Problem(number, f"selfeval must be numbers, got {fields[NEEDED]!r:.40}; {COMMA}")
    try:
        line.encode()
        emotion_id(emotion)
        text = check_turn(_plain(text), "utterance")
    except UnicodeEncodeError as error:
        return Problem(number, f"is not valid UTF-8: {error}; save the file as UTF-8")
    except ValueError as error:
        return Problem(number, str(error))
    return Row(number, conversation, place, emotion, _plain(situation), speaker, text)


def _check_order(rows: list[Row]) -> list[Problem]:
    for place, row in enumerate(rows, 1):
        if row.place.strip() != str(place):
            what = f"utterance_idx must be {place} here, got {row.place!r:.40}"
            return [Problem(row.line, f"{what}; a row is missing, double or out of order")]
        if row.emotion != rows[0].emotion:
            what = f"context must be {rows[0].emotion!r} as in line {rows[0].line}"
            return [Problem(row.line, f"{what}, got {row.emotion!r:.40}; use one emotion")]
    return []


def _record(rows: list[Row]) -> Record:
    first = rows[0]
    fields = {
        "conv_id": first.conversation,
        "emotion": first.emotion,
        "situation": first.situation,
        "utterances": [row.text for row in rows],
    }
    twice = any(row.speaker == following.speaker for row, following in pairwise(rows))
    return Record(first.line, fields, twice)


def _plain(text: str) -> str:
    return text.replace("_comma_", ",").strip()
