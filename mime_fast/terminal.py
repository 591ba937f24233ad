"""What the command line shows of a Response."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from mime_fast.cli.understood import warn_unknown
from mime_fast.text.message import check_turns

if TYPE_CHECKING:
    from mime_fast.config import GenerationConfig
    from mime_fast.generator import Generator
    from mime_fast.types import Response

BAR = 24  # characters of a full bar


def print_json(response: Response) -> None:
    """Everything that is known of a reply, as one JSON object."""
    print(json.dumps(dataclasses.asdict(response), ensure_ascii=False, indent=2))


def print_replies(response: Response) -> None:
    """The replies alone, one a line: what a script wants to read."""
    for candidate in response.candidates:
        print(candidate.text)
    if cut := describe_cut(response):
        print(cut, file=sys.stderr)
    warn_unknown(response)


def describe_cut(response: Response) -> str:
    """What was left out of a context that is too long; empty when nothing was."""
    parts = []
    if response.dropped_turns:
        parts.append(f"the {response.dropped_turns} oldest turns")
    if response.dropped_words:
        parts.append(f"the first {response.dropped_words} words")
    return f"(too long: {' and '.join(parts)} were not read)" if parts else ""


def chat(generator: Generator, config: GenerationConfig, message: str | None) -> None:
    """A conversation on the terminal, until an empty line or the end of the input.

    message: answered first, as an example; the conversation then starts anew.
    """
    # A reply is never markup, and is broken into lines by the terminal alone.
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    turns: list[str] = []
    if message is not None:
        console.print("[bold]you:[/] ", end="")
        console.print(message.encode(errors="replace").decode(), markup=False)
        _answer(console, generator, config, [], message)  # an example: not part of what follows
    console.print("[dim]Write a message; an empty line ends the conversation.[/]")
    while line := _read():
        _answer(console, generator, config, turns, line)


def _read() -> str:
    print("you: ", end="", flush=True)
    raw = b"" if sys.stdin is None else sys.stdin.buffer.readline()
    if not raw.endswith(b"\n"):
        print()
    return raw.decode(errors="surrogateescape").strip()


def _answer(
    console: Console, generator: Generator, config: GenerationConfig, turns: list[str], line: str
) -> None:
    try:
        check_turns(line)
        response = None
        for number, event in enumerate(generator.stream([*turns, line], config)):
            if number == 0:
                console.print("[bold cyan]mime:[/] ", end="")
            console.print(event.text, end="", markup=False, style="cyan")
            response = event.response
        console.print()
    except ValueError as error:
        console.print(str(error), markup=False, style="red")
        return
    if response is not None:
        turns += [line, response.text]
        console.print(_chart(response))
        if cut := describe_cut(response):
            console.print(f"[dim]{cut}[/]")
        warn_unknown(response)


def _chart(response: Response) -> Table:
    """The recognised emotion and both groups of the mixture, where there is one, as bars."""
    table = Table.grid(padding=(0, 1))
    _add_bars(table, "you feel", response.emotions, "magenta")
    mixture = response.mixture
    for group in ("positive", "negative"):
        note = group
        if mixture.mimicked:
            note = "mimicked" if mixture.mimicked == group else "balance"
        colour = "green" if group == "positive" else "yellow"
        _add_bars(table, note, getattr(mixture, group), colour)
    return table


def _add_bars(table: Table, title: str, shares: Mapping[str, float], colour: str) -> None:
    top = sorted(shares.items(), key=lambda item: -item[1])[:3]
    for index, (name, share) in enumerate(top):
        bar = "█" * max(1, round(share * BAR))
        heading = f"  [dim]{title if index == 0 else ''}[/]"
        table.add_row(heading, name, f"[{colour}]{bar}[/] {share:.0%}")
