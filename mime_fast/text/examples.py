"""EmpatheticDialogues: reading (context, reply) pairs. Needs no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mime_fast.emotions import emotion_id
from mime_fast.text.message import check_turn
from mime_fast.text.published import Problem, Record
from mime_fast.text.records import WANTED, describe, find_split, read_records

HELD_OUT = 10  # of a single file every tenth conversation validates


@dataclass(frozen=True)
class Example:
    """A context (turns, oldest first), the listener's reply, and the speaker's emotion."""

    context: list[str]
    target: str
    emotion: int


def find_examples(data: Path) -> Path:
    """A file itself; of a folder test_examples.jsonl, else test.jsonl or test.csv."""
    return find_split(data, "test_examples", "test")


def load_examples(path: Path) -> list[Example]:
    """Read a file of examples or conversations, as JSON lines or as published.

    One example per listener turn. ValueError names the file and the line of anything malformed.
    """
    examples: list[Example] = []
    problems: list[Problem] = []
    for record in map(check_record, read_records(path)):
        if isinstance(record, Problem):
            problems.append(record)
        else:
            examples += record
    if problems:
        raise ValueError(describe(path, problems))
    if not examples:
        raise ValueError(f"{path} holds no example; it needs a conversation with a reply")
    return examples


def find_training(data: Path) -> Path:
    """A file itself; of a folder its `train` file."""
    return find_split(data, "train")


def load_training(data: Path) -> list[Example]:
    """What is trained on: the `train` file of a folder, or of a file 9 conversations in 10."""
    return load_examples(find_training(data)) if data.is_dir() else _divide(data)[0]


def load_parts(data: Path) -> tuple[list[Example], list[Example]]:
    """What is trained on, and what it is validated on: `valid` of a folder, or the rest of a file.

    A file is read once, so that it may be a pipe.
    """
    if data.is_dir():
        training, validation = find_split(data, "train"), find_split(data, "valid")
        return load_examples(training), load_examples(validation)
    return _divide(data)


def _divide(data: Path) -> tuple[list[Example], list[Example]]:
    path = find_training(data)
    examples = load_examples(path)
    numbers = conversations(examples)
    if max(numbers) == 0:
        raise ValueError(f"{path} holds one conversation; training needs two or more")
    one_in = min(HELD_OUT, max(numbers) + 1)
    parts: tuple[list[Example], list[Example]] = ([], [])
    for example, number in zip(examples, numbers, strict=True):
        parts[number % one_in == one_in - 1].append(example)
    return parts


def check_record(record: Record | Problem) -> list[Example] | Problem:
    """The examples of a record; or what is wrong with it."""
    if isinstance(record, Problem):
        return record
    try:
        return list(_examples(record.fields))
    except KeyError as error:
        return Problem(record.line, f"lacks {error}; {WANTED}")
    except (TypeError, ValueError) as error:
        return Problem(record.line, str(error))


def digest(examples: Sequence[Example]) -> str:
    """SHA-256 of the examples in their order: of another set, or another order, it is another."""
    texts = [[example.context, example.target, example.emotion] for example in examples]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def conversations(examples: Sequence[Example]) -> list[int]:
    """The number of each example's conversation, from 0: contexts with the same first turn."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(example.context[0], len(numbers)) for example in examples]


def _examples(record: dict[str, Any]) -> Iterator[Example]:
    emotion = emotion_id(record["emotion"])
    if "utterances" in record and record.keys() & {"context", "target"}:
        raise ValueError(f"holds both utterances and context or target; {WANTED}")
    if "utterances" not in record:
        context = _turns(record["context"], "context")
        target = check_turn(record["target"], "target")
        if len(context) % 2 == 0:
            raise ValueError(
                f"context must hold an odd number of turns (speaker first, speaker last), "
                f"got {len(context)}"
            )
        yield Example(context, target, emotion)
        return
    utterances = check_utterances(record["utterances"])
    for turn in range(1, len(utterances), 2):
        yield Example(utterances[:turn], utterances[turn], emotion)


def check_utterances(values: Any) -> list[str]:
    """The turns of a conversation; TypeError or ValueError says what is wrong with them."""
    return _turns(values, "utterances")


def _turns(values: Any, name: str) -> list[str]:
    if not isinstance(values, list) or not values:
        raise TypeError(f"{name} must be a list of strings, not empty, got {values!r:.80}")
    return [check_turn(value, f"turn {number}") for number, value in enumerate(values, 1)]
