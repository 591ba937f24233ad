"""A file of messages in parts, and the folder in which the replies to each part are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from mime_fast.cli.messages import InputFormat, Message, MessageFile
from mime_fast.files import check_folder, parse_json, read_errors, read_text, write_whole

REQUEST = "request.json"  # what the replies in a folder answer


class Part(NamedTuple):
    """Lines of a file that follow one another."""

    number: int
    first_line: int  # from 1
    lines: int
    start: int  # bytes
    size: int


def cut(path: Path, most: int) -> list[Part]:
    """The parts of a file, each with `most` lines, the last with what is left."""
    parts: list[Part] = []
    start = 0
    with read_errors(path), path.open("rb") as file:
        while lines := list(islice(file, most)):
            size = sum(map(len, lines))
            parts.append(Part(len(parts), len(parts) * most + 1, len(lines), start, size))
            start += size
    return parts


class PartFile(MessageFile):
    """The messages of one part; errors name the line of the whole file, `name`."""

    def __init__(
        self, file: Path, name: str, part: Part, form: InputFormat, history: Sequence[str]
    ) -> None:
        super().__init__(str(file), form, history, lambda _: None)
        self.name, self.part, self.first_line = name, part, part.first_line

    def _open(self) -> AbstractContextManager[BufferedReader]:
        with Path(self.path).open("rb") as file:
            file.seek(self.part.start)
            content: Any = BytesIO(file.read(self.part.size))
        return nullcontext(content)

    def read(self) -> list[Message]:
        """All of them; ValueError names the first line that is wrong."""
        return [message for batch in self.batches(self.part.lines) for message in batch]


@dataclass(frozen=True)
class PartFolder:
    """A folder with a file for each part that was answered, written whole, and REQUEST."""

    path: Path

    def begin(self, request: Mapping[str, Any], seed: int) -> int:
        """Note what is asked for; the seed is `seed`, or that of the run that is taken up again.

        ValueError: the folder holds replies to something else.
        """
        check_folder(self.path)
        file = self.path / REQUEST
        if not any(self.path.glob("part-*")):
            write_whole(file, json.dumps({**request, "first_seed": seed}, indent=1).encode())
            return seed
        try:
            noted = dict(parse_json(read_text(file)))
            first_seed = int(noted.pop("first_seed"))
        except (FileNotFoundError, ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{file} is damaged; remove {self.path}, or name another") from error
        if differing := [name for name in request if noted.get(name) != request[name]]:
            raise ValueError(
                f"{self.path} holds replies of another run: {', '.join(differing)} differ; "
                "name another folder, or remove it"
            )
        return first_seed

    def file(self, part: Part) -> Path:
        """Where the replies to a part are."""
        return self.path / f"part-{part.number:06d}.jsonl"

    def missing(self, parts: Sequence[Part]) -> list[Part]:
        """The parts without replies."""
        return [part for part in parts if not self.file(part).exists()]


def describe(path: Path, **facts: Any) -> dict[str, Any]:
    """What is asked for, as JSON has it: the content of a file, and what decides its replies."""
    with read_errors(path), path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    described: dict[str, Any] = json.loads(json.dumps({"file": content, **facts}))
    return described
