"""What respond answers: messages of the command line, or the lines of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mime_fast.cli import answers
from mime_fast.cli.messages import InputFormat, Message, MessageFile, read_arguments
from mime_fast.cli.prompt import clean_exit

if TYPE_CHECKING:
    from mime_fast.config import GenerationConfig
    from mime_fast.generator import Generator
    from mime_fast.types import Response


@dataclass(frozen=True)
class Source:
    """Messages, or a file of them."""

    texts: list[str]  # "-": one that standard input holds
    file: str | None  # "-" is standard input; None: the texts are answered
    form: InputFormat  # of the file's lines
    history: list[str]  # before every message

    def show(self, *, as_json: bool) -> Callable[[Message, Response], None]:
        """How a reply is printed."""
        if not as_json:
            return answers.print_text
        alone = self.file is None and len(self.texts) == 1
        return answers.print_indented_json if alone else answers.print_json

    def answer(
        self, generator: Generator, options: GenerationConfig, batch_size: int, *, as_json: bool
    ) -> None:
        """Show the replies to all messages, in their order.

        Raises:
            ValueError: a message is wrong, or standard input is closed.
            OSError: the file cannot be read.
        """
        most = answers.fitting(batch_size, options)
        with self._terminal_restored():
            total, batches = self._batches(generator, most)
            answers.answer_all(generator, options, batches, total, self.show(as_json=as_json))

    def _batches(
        self, generator: Generator, most: int
    ) -> tuple[int | None, Iterable[Sequence[Message]]]:
        """How many messages there are, if that is known, and at most so many of them together."""
        if self.file is not None:
            lines = MessageFile(self.file, self.form, self.history, generator.check)
            return lines.count(), lines.batches(most)
        messages = read_arguments(self.texts, self.history, generator.check)
        return len(messages), answers.batched(messages, most)

    def _terminal_restored(self) -> AbstractContextManager[None]:
        reads_terminal = "-" in self.texts or self.file == "-"
        return clean_exit() if reads_terminal else nullcontext()
