"""Files of replies: what a system answers to every example, to be compared without its model.

One JSON object a line. The first is a header: what made the replies, and the digest of the examples
that they answer; then one object an example, in order. No text of the examples is in it. A file
whose name ends in .xz is read as what it holds.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mime_fast.evaluation.outputs.outputs import COST_DECIMALS, Outputs
from mime_fast.evaluation.outputs.records import check_header, check_record
from mime_fast.evaluation.outputs.released import read_released
from mime_fast.files import (
    check_file,
    decode_text,
    parse_json,
    printable_name,
    read_text,
    resolve,
    write_whole,
)
from mime_fast.text.examples import Example, digest

FORMAT = 1
HEADER = frozenset({"format", "system", "examples", "digest", "seeds", "facts"})


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
    lines = _read(path).rstrip("\n").split("\n")
    if lines[0].startswith("{"):
        return [_read_own(path, lines, examples)]
    return [Outputs(**found) for found in read_released(path, lines, examples)]


def _read(path: Path) -> str:
    """The text of a file, decompressed if its name ends in .xz."""
    if path.suffix != ".xz":
        return read_text(path)
    try:
        return decode_text(lzma.decompress(path.read_bytes()), path)
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(f"{path} is not a whole xz file ({error}); copy it again") from error


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
