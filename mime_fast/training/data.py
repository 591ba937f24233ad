"""EmpatheticDialogues: reading, encoding and batching of (context, reply) pairs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mime_fast.emotions import emotion_id
from mime_fast.models.base import pad
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.tokenizer import EOS, Tokenizer
from mime_fast.types import Dialogue

BUCKET = 50  # batches that are sorted by length together: 1.1 times the work of no padding at all


@dataclass(frozen=True)
class Example:
    """A context (turns, oldest first), the listener's reply, and the speaker's emotion."""

    context: list[str]
    target: str
    emotion: int


class Pair(NamedTuple):
    """An encoded example."""

    dialogue: Dialogue
    reply: list[int]  # words, then EOS
    emotion: int


class Batch(NamedTuple):
    """Padded tensors of several pairs, int64."""

    tokens: Tensor  # (batch, length)
    speakers: Tensor  # (batch, length)
    emotion: Tensor  # (batch,)
    reply: Tensor  # (batch, reply length)

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


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
                raise ValueError(
                    f"{path}:{number}: expected a JSON object with `emotion` and either "
                    f"`utterances` or `context` and `target`: {error!r}"
                ) from error
    if not examples:
        raise ValueError(f"{path} holds no example; expected one JSON object a line")
    return examples


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


def encode_pairs(
    tokenizer: Tokenizer, examples: Iterable[Example], max_positions: int
) -> list[Pair]:
    """Encode examples; replies keep their first words when longer than the position table."""
    return [
        Pair(
            encode_dialogue(tokenizer, example.context, max_positions),
            [*tokenizer.encode(example.target)[: max_positions - 1], EOS],
            example.emotion,
        )
        for example in examples
    ]


def collate(pairs: Sequence[Pair]) -> Batch:
    """Pairs -> one padded batch."""
    return Batch(
        pad([pair.dialogue.tokens for pair in pairs]),
        pad([pair.dialogue.speakers for pair in pairs]),
        torch.tensor([pair.emotion for pair in pairs]),
        pad([pair.reply for pair in pairs]),
    )


def shuffled_batches(pairs: Sequence[Pair], size: int, seed: int) -> list[list[Pair]]:
    """One epoch in an order given by the seed: batches of similar context length, shuffled."""
    shuffler = random.Random(seed)  # noqa: S311 - an order, not a secret
    order = list(pairs)
    shuffler.shuffle(order)
    batches = []
    for start in range(0, len(order), size * BUCKET):
        bucket = sorted(order[start : start + size * BUCKET], key=_length)
        batches += [bucket[i : i + size] for i in range(0, len(bucket), size)]
    shuffler.shuffle(batches)
    return batches


def sorted_batches(pairs: Sequence[Pair], size: int) -> list[list[Pair]]:
    """All pairs once, in batches of similar length: for evaluation, where order is free."""
    order = sorted(pairs, key=_length)
    return [order[i : i + size] for i in range(0, len(order), size)]


def _length(pair: Pair) -> tuple[int, int]:
    return len(pair.dialogue.tokens), len(pair.reply)
