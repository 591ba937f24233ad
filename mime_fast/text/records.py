"""Files of dialogues, line by line: JSON lines, or EmpatheticDialogues as published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from mime_fast.files import parse_json, read_errors
from mime_fast.text.published import HEADER, Problem, Record, read_rows

SUFFIXES = ("jsonl", "csv")  # of the files of a folder; the first that is there is read
WANTED = "write `emotion`, and either `utterances` or `context` and `target`"


def is_single_file(data: Path) -> bool:
    """Whether it is a file or a pipe, which can be read once, and no folder."""
    return data.exists() and not data.is_dir()


def find_split(data: Path, *splits: str) -> Path:
    """A file itself; of a folder the file of the first of these splits that it holds.

    FileNotFoundError lists what was looked for.
    """
    if is_single_file(data):
        return data
    names = [f"{split}.{suffix}" for split in splits for suffix in SUFFIXES]
    for name in names:
        if (data / name).is_file():
            return data / name
    wanted = f"a folder with {' or '.join(names)}"
    if data.is_dir():
        raise FileNotFoundError(f"{data} holds no {' or '.join(names)}; give --data {wanted}")
    raise FileNotFoundError(f"nothing is at {data}; give --data {wanted}, or a file")


def read_records(path: Path) -> Iterator[Record | Problem]:
    """The records of a file in order, and what is wrong in place of those that cannot be read."""
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        return
    if first[1].startswith(HEADER.partition(",")[0]):
        yield from _published(first[1], lines)
    elif path.suffix == ".csv":
        yield Problem(first[0], f"starts with {first[1]!r:.60}; expected the header {HEADER}")
    else:
        yield from (_json(number, line) for number, line in chain([first], lines))


def _published(header: str, lines: Iterator[tuple[int, str]]) -> Iterator[Record | Problem]:
    if header.split(",")[: HEADER.count(",") + 1] != HEADER.split(","):
        yield Problem(1, f"has the header {header!r:.100}; expected {HEADER}")
    else:
        yield from read_rows(lines)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, numbered from 1; bytes that are not UTF-8 as surrogates."""
    with read_errors(path), path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.decode(errors="surrogateescape").removeprefix("\ufeff").rstrip("\r\n")
            if text.strip():
                yield number, text


def _json(number: int, line: str) -> Record | Problem:
    try:
        line.encode()
        record = parse_json(line)
    except UnicodeEncodeError as error:
        return Problem(number, f"is not valid UTF-8: {error}; save the file as UTF-8")
    except ValueError as error:
        return Problem(number, f"is not JSON ({error}); write one JSON object a line")
    if not isinstance(record, dict):
        return Problem(number, f"must be a JSON object, got {record!r:.80}; {WANTED}")
    return Record(number, record)


def describe(path: Path, problems: Sequence[Problem]) -> str:
    """One line about what is wrong with a file."""
    first = problems[0]
    more = len(problems) - 1
    others = f" ({more} more: mime-fast data {path})" if more else ""
    return f"{path}:{first.line}: {first.what}{others}"
