"""Answering many messages in their order, in batches, so that memory stays bounded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mime_fast.cli.messages import Message
from mime_fast.cli.show import as_json, print_replies

if TYPE_CHECKING:
    from mime_fast.config import GenerationConfig
    from mime_fast.generator import Generator
    from mime_fast.types import Response

MOST_OUTPUT_ROWS = 512  # of one call: hypotheses or samples of its messages


def fitting(batch_size: int, config: GenerationConfig) -> int:
    """Messages a batch: batch_size, or fewer where each needs many rows."""
    return max(1, min(batch_size, MOST_OUTPUT_ROWS // max(config.num_beams, config.num_sequences)))


def batched(messages: Sequence[Message], most: int) -> Iterator[Sequence[Message]]:
    """The messages, at most so many together."""
    return (messages[start : start + most] for start in range(0, len(messages), most))


def print_text(message: Message, response: Response) -> None:
    """The replies, one a line."""
    print_replies(response, message.where)


def print_json(message: Message, response: Response) -> None:
    """One object a line."""
    print(as_json(response, **message.facts))


def print_indented_json(message: Message, response: Response) -> None:
    """An object that a person reads."""
    print(as_json(response, indent=2, **message.facts))


def answer_all(
    generator: Generator,
    config: GenerationConfig,
    batches: Iterable[Sequence[Message]],
    total: int | None,
    show: Callable[[Message, Response], None],
) -> None:
    """Show the replies to each batch when it is answered. total: if known, for the bar."""
    with progress(total) as advance:
        for messages in batches:
            responses = generator.respond_batch([message.turns for message in messages], config)
            for message, response in zip(messages, responses, strict=True):
                show(message, response)
            sys.stdout.flush()
            advance(len(messages))


@contextmanager
def progress(total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar of several messages, on standard error, if only that is a terminal.

    Where the number of messages is unknown, the second one that is answered brings the bar.
    """
    if total == 1 or sys.stderr is None or not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = "answered", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    progress = Progress(*columns, console=console, redirect_stdout=False)
    task = progress.add_task("", total=total)

    def advance(count: int) -> None:
        progress.advance(task, count)
        if progress.tasks[0].completed > 1:
            progress.start()

    try:
        if total is not None:
            progress.start()
        yield advance
    finally:
        progress.live.stop()
