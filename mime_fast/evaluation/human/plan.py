"""What annotators are asked: the contexts, the replies, the pairs, and the order of each person."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.human.options import CONTEXTS
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.text.detokenizer import natural_text
from mime_fast.text.examples import Example, digest

FORMAT = 1  # of the identity, the order and the database; another one is another evaluation
RENAME = "give its file once, or rename it in the first line of one file"

Pair = tuple[str, str]
T = TypeVar("T", int, "Item")


class Item(NamedTuple):
    """One question: rate a system's reply, or choose between those of two systems."""

    example: int
    systems: tuple[str, ...]  # (rated,) or (first, second)

    @property
    def is_pair(self) -> bool:
        """Whether it is an A/B comparison."""
        return len(self.systems) == 2

    @property
    def replies(self) -> tuple[Item, ...]:
        """The ratings of what is shown; of a rating, itself."""
        return tuple(Item(self.example, (system,)) for system in self.systems)


@dataclass(frozen=True)
class Plan:
    """Everything that the votes depend on. Made by `draw_plan`."""

    examples: Sequence[Example]
    contexts: tuple[int, ...]  # indices of examples
    texts: dict[str, dict[int, str]]  # system -> context -> reply as it is shown
    pairs: tuple[Pair, ...]
    seed: int
    identity: dict[str, Any]  # what makes it this evaluation and no other, as JSON

    @property
    def id(self) -> str:
        """A short name of the identity, which tells nothing about the systems."""
        text = json.dumps(self.identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def ratings(self) -> list[Item]:
        """Every reply to rate."""
        return [Item(context, (system,)) for context in self.contexts for system in self.texts]

    def comparisons(self) -> list[Item]:
        """Every pair of replies to choose from."""
        return [Item(context, pair) for context in self.contexts for pair in self.pairs]

    def order(self, annotator: str) -> list[Item]:
        """All items as this person gets them.

        Ratings come first: a reply is not rated after it was seen beside another.
        """
        drawn = _random(self.seed, annotator, "order")
        return [*_shuffled(drawn, self.ratings()), *_shuffled(drawn, self.comparisons())]

    def sides(self, annotator: str, item: Item) -> tuple[str, ...]:
        """The systems of an item from left to right, as this person sees them."""
        flipped = _random(self.seed, annotator, *map(str, item)).random() < 0.5
        return item.systems[::-1] if flipped else item.systems


def draw_plan(
    examples: Sequence[Example],
    outputs: Sequence[Outputs],
    *,
    decoding: str = "greedy",
    contexts: int = CONTEXTS,
    pairs: Sequence[Pair] = (),
    seed: int = 0,
) -> Plan:
    """Draw the contexts of an evaluation.

    Args:
        examples: What the systems answered.
        outputs: The systems, each with another name.
        decoding: Which of their replies are shown; a system that holds but one kind shows that.
        contexts: How many, an equal number for each emotion.
        pairs: What A/B compares; none: the first system with every other, as in the paper.
        seed: Of the contexts, the orders and the sides.

    Raises:
        ValueError: names or pairs repeat or are unknown, or there are too few examples.
    """
    systems = _unique([system.system for system in outputs], "system", RENAME)
    pairs = tuple(pairs) or tuple((systems[0], other) for other in systems[1:])
    _check_pairs(pairs, systems)
    chosen = _draw_contexts(examples, contexts, seed)
    decodings = {system.system: system.decoding(decoding) for system in outputs}
    replies = {system.system: system.replies[decodings[system.system]] for system in outputs}
    texts = {
        system: {index: natural_text(texts[index]) for index in chosen}
        for system, texts in replies.items()
    }
    return Plan(
        examples=examples,
        contexts=chosen,
        texts=texts,
        pairs=pairs,
        seed=seed,
        identity={
            "format": FORMAT,
            "examples": digest(examples),
            "systems": systems,
            "decodings": decodings,
            "contexts": list(chosen),
            "replies": {system: _digest(shown) for system, shown in texts.items()},
            "pairs": [list(pair) for pair in pairs],
            "seed": seed,
        },
    )


def _draw_contexts(examples: Sequence[Example], count: int, seed: int) -> tuple[int, ...]:
    each, rest = divmod(count, len(EMOTIONS))
    if each < 1 or rest:
        raise ValueError(
            f"contexts must be a multiple of {len(EMOTIONS)}, as many of each emotion, got {count}"
        )
    drawn = _random(seed, "contexts")
    chosen: list[int] = []
    for emotion, name in enumerate(EMOTIONS):
        known = [index for index, example in enumerate(examples) if example.emotion == emotion]
        if len(known) < each:
            raise ValueError(
                f"{count} contexts need {each} examples of {name!r}, and there are {len(known)}; "
                "give fewer --contexts, or another --data"
            )
        chosen += sorted(_shuffled(drawn, known)[:each])
    return tuple(chosen)


def _check_pairs(pairs: Sequence[Pair], systems: list[str]) -> None:
    for pair in pairs:
        if not set(pair) <= set(systems) or len(set(pair)) != 2:
            raise ValueError(
                f"a pair must name two of the systems {', '.join(systems)}, got {':'.join(pair)}"
            )
    _unique([" and ".join(sorted(pair)) for pair in pairs], "pair", "give it once")


def _unique(names: list[str], what: str, remedy: str) -> list[str]:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{what} {repeated[0]!r} is there {names.count(repeated[0])} times; {remedy}"
        )
    return names


def _digest(texts: dict[int, str]) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _shuffled(drawn: random.Random, items: Sequence[T]) -> list[T]:
    """Shuffle with random() alone: Python keeps its sequence, but not that of shuffle()."""
    return [item for _, item in sorted((drawn.random(), item) for item in items)]


def _random(*seeds: object) -> random.Random:
    return random.Random("/".join(map(str, seeds)))  # noqa: S311 - an order, not a secret
