"""A file of messages in parts, and the folder in which the replies to each part are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mime_fast import __version__
from mime_fast.checkpoint import CONFIG, RELEVANCE, TOKENIZER, WEIGHTS
from mime_fast.cli import messages
from mime_fast.cli.messages import InputFormat, Message, MessageFile
from mime_fast.files import check_folder, parse_json, read_errors, read_text, write_whole
from mime_fast.generator import Generator

# Files of a checkpoint that decide its replies. Drafts change none; defaults are in the options.
DECIDING = (CONFIG, WEIGHTS, TOKENIZER, RELEVANCE)
REQUEST = "request.json"  # what the replies in a folder answer
CHUNK = 2**20  # bytes that are read at once, to find the ends of lines
LINE_FEED = 10


class Part(NamedTuple):
    """Lines of a file that follow one another."""

    number: int
    first_line: int  # from 1
    lines: int
    start: int  # bytes
    size: int


def cut(path: Path, most: int, name: str | None = None) -> list[Part]:
    """The parts of a file, each with `most` lines, the last with what is left.

    name: of the file, for errors; None: its path.

    Raises:
        ValueError: a line is longer than LONGEST_LINE.
        OSError: the file cannot be read.
    """
    lines, end = 0, 0  # lines so far, and where the last of them ends
    bounds = [0]  # where parts begin and end
    with read_errors(path), path.open("rb") as file:
        for ends in _line_ends(file, name or str(path)):
            bounds += ends[most - 1 - lines % most :: most].tolist()
            lines, end = lines + len(ends), int(ends[-1])
    if bounds[-1] < end:
        bounds.append(end)
    return [
        Part(number, number * most + 1, min(most, lines - number * most), start, stop - start)
        for number, (start, stop) in enumerate(pairwise(bounds))
    ]


def _line_ends(file: BufferedReader, name: str) -> Iterator[NDArray[np.int64]]:
    """Yield the places in bytes where lines end, as they are read; no line is kept."""
    lines, start, offset = 0, 0, 0  # lines so far, where the next one begins, bytes so far
    while chunk := file.read(CHUNK):
        ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == LINE_FEED) + (offset + 1)
        offset += len(chunk)
        lengths = np.append(ends - 1, offset) - np.insert(ends, 0, start)
        too_long = lengths > messages.LONGEST_LINE
        if too_long.any():
            raise messages.too_long(name, lines + 1 + int(too_long.argmax()))
        if len(ends):
            lines, start = lines + len(ends), int(ends[-1])
            yield ends
    if start < offset:  # the last line has no line feed
        yield np.array([offset])


class PartReader:
    """Reads `size` bytes of a file, from where it stands, in pieces."""

    def __init__(self, file: BufferedReader, size: int) -> None:
        self.file, self.left = file, size

    def read1(self, most: int) -> bytes:
        """At most so many of the next bytes; none: the end."""
        chunk = self.file.read1(min(most, self.left))
        self.left -= len(chunk)
        return chunk


class PartFile(MessageFile):
    """The messages of one part; errors name the line of the whole file, `name`."""

    def __init__(
        self, file: Path, name: str, part: Part, form: InputFormat, history: Sequence[str]
    ) -> None:
        super().__init__(str(file), form, history, lambda _: None)
        self.name, self.part, self.first_line = name, part, part.first_line

    @contextmanager
    def _open(self) -> Iterator[PartReader]:
        with Path(self.path).open("rb") as file:
            file.seek(self.part.start)
            yield PartReader(file, self.part.size)

    def read(self) -> list[Message]:
        """All of them; ValueError names the first line that is wrong."""
        return [message for batch in self.batches(self.part.lines) for message in batch]


@dataclass(frozen=True)
class PartFolder:
    """A folder with a file for each part that was answered, written whole, and REQUEST."""

    path: Path

    def begin(self, request: Mapping[str, Any], seed: int) -> int:
        """Note what is asked for; the seed is `seed`, or that of a run of the same request.

        Two runs that start at once share the seed too, unless they do so within milliseconds.

        ValueError: the folder holds replies to something else.
        """
        check_folder(self.path)
        file = self.path / REQUEST
        is_empty = not any(self.path.glob("part-*"))
        try:
            noted = dict(parse_json(read_text(file)))
            first_seed = int(noted.pop("first_seed"))
        except (FileNotFoundError, ValueError, TypeError, KeyError) as error:
            if is_empty:
                return self._note(request, seed)
            raise ValueError(f"{file} is damaged; remove {self.path}, or name another") from error
        differing = [name for name in request if noted.get(name) != request[name]]
        if differing and is_empty:
            return self._note(request, seed)
        if differing:
            raise ValueError(
                f"{self.path} holds replies of another run: {', '.join(differing)} differ; "
                "name another folder, or remove it"
            )
        return first_seed

    def _note(self, request: Mapping[str, Any], seed: int) -> int:
        noted = {**request, "first_seed": seed}
        write_whole(self.path / REQUEST, json.dumps(noted, indent=1).encode())
        return seed

    def file(self, part: Part) -> Path:
        """Where the replies to a part are."""
        return self.path / f"part-{part.number:06d}.jsonl"

    def missing(self, parts: Sequence[Part]) -> list[Part]:
        """The parts without replies."""
        return [part for part in parts if not self.file(part).exists()]


def describe(path: Path, **facts: Any) -> dict[str, Any]:
    """What is asked for, as JSON has it: the content of a file, and what decides its replies."""
    described: dict[str, Any] = json.loads(json.dumps({"file": _digest(path), **facts}))
    return described


def describe_generator(generator: Generator) -> dict[str, Any]:
    """What decides the replies besides messages and options: version, checkpoint, arithmetic."""
    folder = generator.checkpoint.weights.parent
    files = [folder / name for name in DECIDING]
    return {
        "version": __version__,
        "checkpoint": {file.name: _digest(file) for file in files if file.exists()},
        "compute_type": generator.engine.compute_type,
    }


def _digest(path: Path) -> str:
    """SHA-256 of a file."""
    with read_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
