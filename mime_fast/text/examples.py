"""EmpatheticDialogues: reading (context, reply) pairs. Needs no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mime_fast.emotions import emotion_id


@dataclass(frozen=True)
class Example:
    """A context (turns, oldest first), the listener's reply, and the speaker's emotion."""

    context: list[str]
    target: str
    emotion: int


def find_examples(data: Path) -> Path:
    """A file itself; of a folder its test_examples.jsonl, else its test.jsonl."""
    if data.is_file():
        return data
    for name in ("test_examples.jsonl", "test.jsonl"):
        if (data / name).is_file():
            return data / name
    raise FileNotFoundError(
        f"no examples at {data}; give --data a JSON-lines file, or a folder with "
        "test_examples.jsonl or test.jsonl"
    )


def load_examples(path: Path) -> list[Example]:
    """Read JSON lines: conversations (`utterances`) or ready examples (`context`, `target`).

    One example per listener turn. ValueError names the file and the line of anything malformed.
    """
    examples: list[Example] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                examples += _parse(json.loads(line))
            except (KeyError, TypeError, ValueError, RecursionError) as error:
                what = f"{type(error).__name__}: {error}"
                raise ValueError(
                    f"{path}:{number}: expected a JSON object with `emotion` and either "
                    f"`utterances` or `context` and `target`: {what:.200}"
                ) from error
    if not examples:
        raise ValueError(f"{path} holds no example; expected one JSON object a line")
    return examples


def digest(examples: Sequence[Example]) -> str:
    """SHA-256 of the examples in their order: of another set, or another order, it is another."""
    texts = [[example.context, example.target, example.emotion] for example in examples]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def conversations(examples: Sequence[Example]) -> list[int]:
    """Of each example the number of its conversation, from 0: contexts that begin with one turn."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(example.context[0], len(numbers)) for example in examples]


def _parse(record: dict[str, Any]) -> Iterator[Example]:
    emotion = emotion_id(record["emotion"])
    if "context" in record:
        (target,) = _strings([record["target"]])
        context = _strings(record["context"])
        if len(context) % 2 == 0 or not context[-1].strip():
            raise ValueError("a context must hold an odd number of turns, the last not empty")
        yield Example(context, target, emotion)
        return
    utterances = _strings(record["utterances"])
    for turn in range(1, len(utterances), 2):
        yield Example(utterances[:turn], utterances[turn], emotion)


def _strings(values: Sequence[Any]) -> list[str]:
    if not values or isinstance(values, str) or not all(isinstance(v, str) for v in values):
        raise TypeError(f"expected a list of strings, got {values!r:.80}")
    return list(values)
