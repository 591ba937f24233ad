"""What the command line shows of a Response."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from mime_fast.cli.unknown_words import warn_unknown

if TYPE_CHECKING:
    from mime_fast.types import Response

BAR = 24  # characters of a full bar
LEAST_BAR = 6  # characters; a terminal with less room for it gets numbers alone
BESIDE = 29  # characters beside a bar: "  mimicked", "disappointed", "100%" and blanks


def as_json(response: Response, indent: int | None = None, **more: Any) -> str:
    """Everything that is known of a reply, as one JSON object, on one line without an indent."""
    values = {**more, **dataclasses.asdict(response)}
    return json.dumps(values, ensure_ascii=False, indent=indent)


def print_replies(response: Response, where: str = "") -> None:
    """The replies alone, one a line: what a script wants to read."""
    for candidate in response.candidates:
        print(candidate.text)
    if cut := describe_cut(response):
        print(f"{where}{cut}", file=sys.stderr)
    warn_unknown(response, where)
    if crisis := describe_crisis(response):
        print(f"{where}{crisis}", file=sys.stderr)


def describe_crisis(response: Response) -> str:
    """The signal of a crisis that was found; empty when none was."""
    crisis = response.crisis
    return f"(crisis: {crisis.category}, {crisis.about})" if crisis else ""


def describe_cut(response: Response) -> str:
    """What was left out of a context that is too long; empty when nothing was."""
    parts = []
    if response.dropped_turns:
        parts.append(f"the {response.dropped_turns} oldest turns")
    if response.dropped_words:
        parts.append(f"the first {response.dropped_words} words")
    return f"(too long: {' and '.join(parts)} were not read)" if parts else ""


def chart(response: Response, width: int) -> Table:
    """The recognised emotion and both groups of the mixture, where there is one, as bars.

    width: columns of the terminal; a narrow one gets shorter bars, or numbers alone.
    """
    table = Table.grid(padding=(0, 1))
    groups = [("you feel", response.emotions, "magenta")]
    mixture = response.mixture
    for group, colour in (("positive", "green"), ("negative", "yellow")):
        note = group
        if mixture.mimicked:
            note = "mimicked" if mixture.mimicked == group else "balance"
        groups.append((note, getattr(mixture, group), colour))
    longest = min(BAR, width - BESIDE)
    for title, shares, colour in groups:
        if longest < LEAST_BAR:
            _add_numbers(table, title, _largest(shares))
        else:
            _add_bars(table, title, _largest(shares), colour, longest)
    return table


def _largest(shares: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda item: -item[1])[:3]


def _add_bars(
    table: Table, title: str, top: list[tuple[str, float]], colour: str, longest: int
) -> None:
    for index, (name, share) in enumerate(top):
        bar = "█" * max(1, round(share * longest))
        heading = f"  [dim]{title if index == 0 else ''}[/]"
        table.add_row(heading, name, f"[{colour}]{bar}[/] {share:.0%}")


def _add_numbers(table: Table, title: str, top: list[tuple[str, float]]) -> None:
    """Words that are longer than a line go on in the next one."""
    if top:
        table.add_row(f"[dim]{title}[/]")
    for name, share in top:
        table.add_row(Text(f"{share:>4.0%} {name}", overflow="fold"))
