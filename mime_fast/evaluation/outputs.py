"""Files of replies: what a system answers to every example, to be compared without its model.

One JSON object a line. The first is a header: what made the replies, and the digest of the examples
that they answer; then one object an example, in order. No text of the examples is in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mime_fast.evaluation.records import check_cost, check_header, check_record
from mime_fast.evaluation.released import read_released
from mime_fast.files import check_file, parse_json, printable_name, read_text, resolve, write_whole
from mime_fast.text.examples import Example, digest

FORMAT = 1
HEADER = frozenset({"format", "system", "examples", "digest", "seeds", "facts"})
DECODINGS = ("greedy", "beam", "topk", "mbr")  # of checkpoints
COST_DECIMALS = 4  # 1e-4 nats of a reply are less than 1e-5 of a perplexity


@dataclass(frozen=True)
class Outputs:
    """Replies of one system to the examples of one set, in their order.

    Raises:
        ValueError: the lists are of different lengths, there is no reply, or a cost is none.
    """

    system: str
    replies: dict[str, list[str]]  # decoding -> a reply an example, words joined by blanks
    emotions: list[list[str]] | None = None  # up to five an example, likeliest first
    costs: list[float] | None = None  # nats of each reference reply with its end, gold polarity
    tokens: list[int] | None = None  # how many words and ends that is
    seeds: dict[int, list[str]] | None = None  # seed -> greedy replies to the first contexts
    facts: dict[str, Any] = field(default_factory=dict)  # config, training, options of decoding

    def __post_init__(self) -> None:
        if not self.replies:
            raise ValueError(f"{self.system} holds no replies; give those of one decoding or more")
        parts: dict[str, Sequence[object] | None] = {**self.replies, "emotions": self.emotions}
        parts |= {"costs": self.costs, "tokens": self.tokens}
        lengths = {name: len(part) for name, part in parts.items() if part is not None}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"{self.system}: one of each an example is needed, got {lengths}")
        if self.seeds is not None and len({len(replies) for replies in self.seeds.values()}) != 1:
            raise ValueError(f"{self.system}: every seed needs replies to the same contexts")
        if (self.costs is None) != (self.tokens is None):
            raise ValueError(f"{self.system}: costs and tokens belong together; give both, or none")
        for cost, tokens in zip(self.costs or (), self.tokens or (), strict=True):
            check_cost(cost, tokens)

    def __len__(self) -> int:
        return len(next(iter(self.replies.values())))

    def decoding(self, preferred: str) -> str:
        """See find_decoding."""
        return find_decoding(self.system, list(self.replies), preferred)


def find_decoding(system: str, known: Sequence[str], preferred: str) -> str:
    """The decoding to compare by: of "mbr,greedy" the first that is known, else the only one.

    Raises:
        ValueError: the system has several, and no preferred one is among them.
    """
    for name in preferred_decodings(preferred):
        if name in known:
            return name
    if len(known) == 1:
        return known[0]
    raise ValueError(
        f"{system} holds no {preferred!r} replies; use one of: {', '.join(known)} "
        "(or several, separated by commas: the first that a system has)"
    )


def preferred_decodings(preferred: str) -> list[str]:
    """The names in "mbr,greedy"."""
    return [name.strip() for name in preferred.split(",")]


def read_outputs(path: Path, examples: Sequence[Example]) -> list[Outputs]:
    """Read a file that write_outputs made, or one that the authors of MIME or MoEL released.

    Raises:
        ValueError: it is neither, or does not answer these examples in this order; file, line and
            remedy are named.
        FileNotFoundError: there is none.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"no outputs at {path}; write them: mime-fast evaluate CHECKPOINT --save FOLDER"
        )
    lines = read_text(path).rstrip("\n").split("\n")
    if lines[0].startswith("{"):
        return [_read_own(path, lines, examples)]
    return [Outputs(**found) for found in read_released(path, lines, examples)]


def write_outputs(outputs: Outputs, examples: Sequence[Example], path: Path) -> None:
    """Write one system's outputs, at once or not at all: a reader never sees half a file."""
    if len(outputs) != len(examples):
        raise ValueError(f"{outputs.system}: {len(outputs)} replies, {len(examples)} examples")
    header = {
        "format": FORMAT,
        "system": outputs.system,
        "examples": len(examples),
        "digest": digest(examples),
        "seeds": list(outputs.seeds or ()),
        "facts": outputs.facts,
    }
    lines = [header, *(_record(outputs, index) for index in range(len(outputs)))]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    write_whole(path, text.encode())


def check_outputs_target(path: Path) -> None:
    """Check that outputs can be written there; outputs that are there may be replaced.

    FileExistsError: there is something else. WriteError: it cannot be written.
    """
    check_file(path)
    if path.exists() and path.stat().st_size:
        with path.open("rb") as file:
            if not file.readline().startswith(b'{"format":'):
                raise FileExistsError(f"{path} holds no outputs; move it, or name another folder")


def checkpoint_name(folder: Path) -> str:
    """A checkpoint is called as its folder."""
    return printable_name(resolve(folder))


def _record(outputs: Outputs, index: int) -> dict[str, Any]:
    record: dict[str, Any] = {"index": index}
    if outputs.emotions is not None:
        record["emotions"] = outputs.emotions[index]
    if outputs.costs is not None and outputs.tokens is not None:
        record["cost"] = round(outputs.costs[index], COST_DECIMALS)
        record["tokens"] = outputs.tokens[index]
    record["replies"] = {name: replies[index] for name, replies in outputs.replies.items()}
    seeded = [replies[index] for replies in (outputs.seeds or {}).values() if index < len(replies)]
    return {**record, "seeds": seeded} if seeded else record


def _read_own(path: Path, lines: list[str], examples: Sequence[Example]) -> Outputs:
    header = _header(path, lines[0], examples)
    if len(lines) - 1 != len(examples):
        raise ValueError(
            f"{path}:{len(lines)}: {len(lines) - 1} replies, but {len(examples)} examples; "
            "the file is cut or joined, write it again"
        )
    records = [_checked(path, index, line) for index, line in enumerate(lines[1:])]
    seeded = sum("seeds" in record for record in records)
    for index, record in enumerate(records):
        wanted = _shape(records[0], len(header["seeds"]) if index < seeded else 0)
        if (found := _shape(record, len(record.get("seeds", ())))) != wanted:
            raise _bad_line(path, index, f"expected {_words(wanted)}, got {_words(found)}")
    if header["seeds"] and not seeded:
        raise _bad_line(path, 0, f"lacks the replies of the {len(header['seeds'])} seeds of line 1")
    seeds = {
        seed: [record["seeds"][place] for record in records[:seeded]]
        for place, seed in enumerate(header["seeds"])
    }
    return Outputs(
        system=header["system"],
        replies={name: [r["replies"][name] for r in records] for name in records[0]["replies"]},
        emotions=_column(records, "emotions"),
        costs=_column(records, "cost"),
        tokens=_column(records, "tokens"),
        seeds=seeds or None,
        facts=header["facts"],
    )


def _header(path: Path, line: str, examples: Sequence[Example]) -> dict[str, Any]:
    try:
        header = parse_json(line)
        version, made_of, count = header["format"], header["digest"], header["examples"]
        check_header(header["system"], header["seeds"], header["facts"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{path}:1 is not the header of an outputs file ({error!r}); write the file again"
        ) from error
    if type(version) is not int or version != FORMAT:
        raise ValueError(
            f"{path}:1: format {version!r}, this version reads format {FORMAT}; write it again"
        )
    if made_of != digest(examples):
        raise ValueError(
            f"{path}:1 answers {count} other examples, or these in another "
            f"order, not the {len(examples)} of --data; give the examples that it was made of"
        )
    if unknown := ", ".join(sorted(header.keys() - HEADER)):
        raise ValueError(f"{path}:1: unknown field {unknown}; write the file again")
    return header


def _checked(path: Path, index: int, line: str) -> dict[str, Any]:
    """The record of a line, the type and the range of each of its fields checked."""
    try:
        record = json.loads(line)  # of its numbers each is checked
        check_record(record, index)
    except KeyError as error:
        raise _bad_line(path, index, f"lacks the field {error}") from error
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _bad_line(path, index, str(error)) from error
    return record


def _bad_line(path: Path, index: int, problem: str) -> ValueError:
    return ValueError(f"{path}:{index + 2}: {problem}; write the file again")


def _shape(record: dict[str, Any], seeds: int) -> tuple[set[str], set[str], int]:
    """What every record has alike: its fields, its decodings, and its seeds where there are any."""
    return record.keys() - {"seeds"}, set(record["replies"]), seeds


def _words(shape: tuple[set[str], set[str], int]) -> str:
    fields, decodings, seeds = shape
    return (
        f"the fields {', '.join(sorted(fields))} with {', '.join(sorted(decodings))} replies "
        f"and those of {seeds} seeds"
    )


def _column(records: list[dict[str, Any]], name: str) -> list[Any] | None:
    return [record[name] for record in records] if name in records[0] else None
