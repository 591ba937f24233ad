"""`mime-fast data`: checks files of dialogues, and writes them as JSON lines."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mime_fast.files import check_file, check_folder, write_whole
from mime_fast.text.examples import check_record
from mime_fast.text.published import Problem, Record
from mime_fast.text.records import find_split, is_single_file, read_records

SPLITS = ("train", "valid", "test", "test_examples")


@dataclass
class Summary:
    """What a file holds."""

    path: Path
    records: list[dict[str, Any]] = field(default_factory=list)  # those that can be read
    problems: list[Problem] = field(default_factory=list)
    examples: int = 0
    silent: int = 0  # conversations without a reply
    twice: int = 0  # conversations in which one person speaks twice in a row

    def add(self, record: Record | Problem) -> None:
        """Count a record, or what is in its place."""
        found = check_record(record)
        if isinstance(found, Problem):
            self.problems.append(found)
        elif isinstance(record, Record):
            self.records.append(record.fields)
            self.examples += len(found)
            self.silent += not found
            self.twice += record.speaks_twice

    def __str__(self) -> str:
        conversations = sum("utterances" in record for record in self.records)
        parts = [f"{conversations:,} conversations"] if conversations else []
        parts.append(f"{self.examples:,} examples")
        if self.silent:
            parts.append(f"{self.silent:,} without a reply, which give no example")
        if self.twice:
            parts.append(f"{self.twice:,} with two turns in a row of one person, read in turns")
        if self.problems:
            parts.append(f"{len(self.problems):,} problems")
        return f"{self.path}: {', '.join(parts)}"


def check_data(data: Path, out: Path | None, *, skip: bool) -> bool:
    """Print what a file, or each file of a folder, holds; write JSON lines of it.

    Args:
        data: a file or a folder, of JSON lines or of the published CSV.
        out: a file or a folder to write, likewise; None: nothing is written.
        skip: whether to leave out what cannot be read; without, nothing is written then.

    Returns:
        Whether all of it can be read, or was left out.

    Raises:
        FileNotFoundError: there is no such file.
        FileExistsError: something is there that would be overwritten.
        WriteError: `out` cannot be written.
    """
    sources = find_files(data)
    targets = [] if out is None else _targets(sources, data, out)
    summaries = [_summarise(path) for path in sources]
    for summary in summaries:
        for line, what in summary.problems:
            print(f"{summary.path}:{line}: {what}")
    for summary in summaries:
        print(summary)
    sound = skip or not any(summary.problems for summary in summaries)
    if sound and targets and not any(summary.examples for summary in summaries):
        raise ValueError("no conversation with a reply is left; nothing is written")
    if sound:
        for summary, target in zip(summaries, targets, strict=False):
            _write(summary, target)
    elif targets:
        print("nothing is written; mend these lines, or leave them out with --skip")
    return sound


def find_files(data: Path) -> list[Path]:
    """A file itself, or those of a folder, one for each split."""
    if is_single_file(data):
        return [data]
    found = []
    for split in SPLITS:
        try:
            found.append(find_split(data, split))
        except FileNotFoundError:
            continue
    return found or [find_split(data, *SPLITS)]


def _summarise(path: Path) -> Summary:
    summary = Summary(path)
    for record in read_records(path):
        summary.add(record)
    if not summary.records and not summary.problems:
        raise ValueError(f"{path} holds no dialogue; give JSON lines, or the published CSV")
    return summary


def _targets(sources: list[Path], data: Path, out: Path) -> list[Path]:
    """Where the JSON lines of each source go, checked."""
    if data.is_dir():
        check_folder(out)
        targets = [out / f"{source.stem}.jsonl" for source in sources]
    else:
        targets = [out]
    for target in targets:
        if os.path.lexists(target) and not target.is_dir():
            raise FileExistsError(f"{target} exists; name another --out, or remove it first")
        check_file(target)
    return targets


def _write(summary: Summary, target: Path) -> None:
    lines = (json.dumps(record) for record in summary.records)
    write_whole(target, "".join(f"{line}\n" for line in lines).encode())
    print(f"wrote {target}")
