"""The command that checks and converts files of dialogues: data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mime_fast.cli.app import Command, app


@app.command(cls=Command)
def data(
    source: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="A folder or a file, of .jsonl or published .csv."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Write JSON lines: a folder for a folder, a file for a file."),
    ] = None,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out what cannot be read, instead of failing.")
    ] = False,
) -> None:
    """Check files of dialogues, and convert EmpatheticDialogues as published to JSON lines.

    Of train, valid, test and test_examples in a folder, the .jsonl files are read, or the .csv.

    mime-fast data empatheticdialogues --out ed
    """
    from mime_fast.data import check_data

    if not check_data(source, out, skip=skip):
        raise typer.Exit(1)
