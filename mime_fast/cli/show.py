"""What the command line shows of a Response."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

from mime_fast.cli.unknown_words import warn_unknown

if TYPE_CHECKING:
    from mime_fast.types import Response

BAR = 24  # characters of a full bar


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


def chart(response: Response) -> Table:
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
