"""Tables on a terminal of any width: nothing is cut off."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

WIDE = 500  # columns, where the output is no terminal: nothing is broken into lines


def table_console() -> Console:
    """The console of tables; a file or a pipe gets wide ones."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def print_table(console: Console, table: Table) -> None:
    """Print a table, or a block of lines for each row where its longest words do not fit."""
    table.columns[0].no_wrap = True  # the names of the rows
    for column in table.columns:
        column.overflow = "fold"
    if _least_width(console, table) <= console.width:
        console.print(table)
        return
    if table.title:
        console.print(table.title, highlight=False, soft_wrap=True)
    headers = [_one_line(console, column.header) for column in table.columns]
    for row in zip(*(column.cells for column in table.columns), strict=True):
        console.print()
        for header, cell in zip(headers, row, strict=True):
            line = Text.assemble(header, ": ", _one_line(console, cell))
            console.print(line, highlight=False, soft_wrap=True)
    console.print()


def _least_width(console: Console, table: Table) -> int:
    """Columns that the longest words of a table take."""
    return Measurement.get(console, console.options.update(max_width=WIDE), table).minimum


def _one_line(console: Console, cell: RenderableType) -> Text:
    """The text of a cell; its lines follow one another."""
    text = console.render_str(cell, highlight=False) if isinstance(cell, str) else Text(str(cell))
    return Text(" ").join(text.split())
