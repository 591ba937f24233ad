"""What the processes of a Ray cluster do for mime-fast respond: check parts, and answer them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mime_fast.cli.answers import batched, fitting
from mime_fast.cli.messages import InputFormat, Message
from mime_fast.cli.parts import Part, PartFile, PartFolder
from mime_fast.cli.show import as_json
from mime_fast.cli.source import Source
from mime_fast.config import GenerationConfig
from mime_fast.files import write_whole
from mime_fast.generator import Generator
from mime_fast.ray.data import Respond

SEEDS = 2**64


@dataclass(frozen=True)
class Job:
    """What is asked for: it travels to each process of the cluster, which reads the file there."""

    name: str  # of the file, for errors
    file: Path  # absolute: the processes run in another folder
    form: InputFormat
    history: list[str]
    generator: Generator
    options: GenerationConfig
    batch_size: int
    threads: int  # of an actor

    def messages(self, part: Part, *, check: bool = False) -> list[Message]:
        """The messages of a part; ValueError names the first line that is wrong."""
        reader = PartFile(self.file, self.name, part, self.form, self.history)
        if check:
            reader.check = self.generator.check
        return reader.read()


def make_job(
    source: Source,
    generator: Generator,
    options: GenerationConfig,
    batch_size: int,
    *,
    threads: int,
) -> Job:
    """The job of answering the source's file; threads: of an actor."""
    assert source.file is not None  # noqa: S101 - the command line has checked it
    return Job(
        name=source.file,
        file=Path(source.file).absolute(),
        form=source.form,
        history=source.history,
        generator=generator,
        options=options,
        batch_size=batch_size,
        threads=threads,
    )


class Answerer:
    """An actor. It writes the replies to a part whole: a part that is answered twice is kept once.

    first_seed: that of the first line; the next line has the next, unless the options have one.
    """

    def __init__(self, job: Job, folder: PartFolder, first_seed: int) -> None:
        self.job, self.folder, self.first_seed = job, folder, first_seed
        self.respond = Respond(job.generator, job.options)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Answer the parts of a batch of columns; returns their numbers."""
        for part in parts_of(batch):
            self._answer(part)
        return {"number": batch["number"]}

    def _answer(self, part: Part) -> None:
        lines: list[str] = []
        messages = self.job.messages(part)
        for some in batched(messages, fitting(self.job.batch_size, self.job.options)):
            first = part.first_line + len(lines)
            seeds = [self._seed(first + index) for index in range(len(some))]
            responses = self.respond.answer([message.turns for message in some], seeds)
            pairs = zip(some, responses, strict=True)
            lines += [as_json(response, **message.facts) + "\n" for message, response in pairs]
        write_whole(self.folder.file(part), "".join(lines).encode())

    def _seed(self, line: int) -> int:
        """The seed of a line, counted from 1, whoever answers it."""
        seed = self.job.options.seed
        return (self.first_seed + line - 1) % SEEDS if seed is None else seed


def find_errors(batch: dict[str, Any], job: Job) -> dict[str, Any]:
    """What is wrong with the first wrong line of each part; empty: nothing is."""
    errors = [_error(part, job) for part in parts_of(batch)]
    return {"number": batch["number"], "error": errors}


def _error(part: Part, job: Job) -> str:
    try:
        job.messages(part, check=True)
    except (ValueError, OSError) as error:
        return str(error)
    return ""


def parts_of(batch: dict[str, Any]) -> list[Part]:
    """The parts that a batch holds by column."""
    columns = [batch[name].tolist() for name in Part._fields]
    return [Part(*values) for values in zip(*columns, strict=True)]
