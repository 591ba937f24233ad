"""What the lines of a file of outputs may hold. Errors say what is wrong, the reader says where."""

from __future__ import annotations

import sys
from typing import Any

from mime_fast.config import require
from mime_fast.emotions import emotion_id
from mime_fast.evaluation.metrics.separation import embedding_table

FIELDS = frozenset({"index", "emotions", "cost", "tokens", "replies", "seeds"})  # of a line
# Facts that are figures already.
FIGURES = (
    *("perplexity_predicted_polarity", "perplexity_sampled_emotions"),
    *("unknown_types", "parameters"),
)


def check_header(system: Any, seeds: Any, facts: Any) -> None:
    """Check the first line's fields.

    Raises:
        ValueError: one is of another type, or out of range.
    """
    named = isinstance(system, str) and system.isprintable() and bool(system.strip())
    require(named, f"system must be a name that can be printed, got {system!r:.80}")
    require(isinstance(facts, dict), f"facts must be an object, got {facts!r:.80}")
    for name in FIGURES:
        value = facts.get(name, 0)
        require(_is_number(value), f"{name} must be finite, 0 or more, got {value!r:.80}")
    embedding_table(facts)
    integers = isinstance(seeds, list) and all(type(seed) is int for seed in seeds)
    require(
        integers and len(set(seeds)) == len(seeds),
        f"seeds must be different integers, got {seeds!r:.80}",
    )


def check_record(record: dict[str, Any], index: int) -> None:
    """Check the fields of the line of an example.

    Raises:
        KeyError: a field lacks.
        TypeError, ValueError: one is of another type, or out of range.
    """
    require(isinstance(record, dict), f"a line must be an object, got {record!r:.80}")
    unknown = ", ".join(sorted(record.keys() - FIELDS))
    require(not unknown, f"unknown field {unknown}; the fields are {', '.join(sorted(FIELDS))}")
    for name in ("emotions", "seeds"):
        listed = isinstance(record.get(name, []), list)
        require(listed, f"{name} must be a list, got {record.get(name)!r:.80}")
    decoded = record["replies"]
    require(isinstance(decoded, dict), f"replies must be an object, got {decoded!r:.80}")
    require(bool(decoded), "holds no replies")
    place, replies = record["index"], [*decoded.values(), *record.get("seeds", ())]
    in_order = type(place) is int and place == index
    require(in_order, f"index must be {index} here, got {place!r}: the lines are out of order")
    for reply in replies:
        require(isinstance(reply, str), f"a reply must be a string, got {reply!r:.80}")
        _check_text(reply)
    if "emotions" in record:
        ids = [emotion_id(name) for name in record["emotions"]]
        require(0 < len(ids) == len(set(ids)), "emotions must name one or more, each once")
    if record.keys() & {"cost", "tokens"}:
        check_cost(record["cost"], record["tokens"])


def check_cost(cost: float, tokens: int) -> None:
    """Check the nats of a reference, and of how many tokens they are; see check_record."""
    require(_is_number(cost), f"cost must be finite, 0 or more, got {cost!r:.80}")
    require(
        type(tokens) is int and _is_number(tokens) and tokens > 0,
        f"tokens must be above 0, got {tokens!r:.80}",
    )


def _is_number(value: object) -> bool:
    """Whether a float can hold it, it is no truth value, and it is not below 0."""
    return type(value) in (int, float) and 0 <= value <= sys.float_info.max  # type: ignore[operator]


def _check_text(text: str) -> None:
    """JSON can hold halves of characters, which nothing can print."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{text!r:.80} is no text ({error.reason})") from error
