"""Commands that answer: respond, chat."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mime_fast.cli.app import Command, app
from mime_fast.cli.options import Options, takes
from mime_fast.cli.shared import EngineOptions
from mime_fast.config import GenerationConfig


@app.command(cls=Command)
@takes(generation=Options(GenerationConfig), engine=Options(EngineOptions))
def respond(
    generation: GenerationConfig,
    engine: EngineOptions,
    text: Annotated[str, typer.Argument(help="The message; - reads it from standard input.")],
    history: Annotated[
        list[str] | None,
        typer.Option("--history", "-H", help="An earlier turn, oldest first; repeat the option."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Answer one message.

    mime-fast respond 'I got the job!' --num-beams 5 -n 3
    """
    message = _read_stdin() if text == "-" else text
    response = engine.generator().respond([*(history or []), message], generation)
    from mime_fast import terminal

    terminal.print_json(response) if as_json else terminal.print_replies(response)


@app.command(cls=Command)
@takes(generation=Options(GenerationConfig), engine=Options(EngineOptions))
def chat(
    generation: GenerationConfig,
    engine: EngineOptions,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="Answer this first, as an example.")
    ] = None,
) -> None:
    """Talk with it; shows the emotion it recognised and the mixture it answers with.

    Ends with Ctrl-D or an empty line. mime-fast chat --sample --top-p 0.9
    """
    from mime_fast import terminal

    terminal.chat(engine.generator(), generation, message)


def _read_stdin() -> bytes:
    if sys.stdin is None:
        raise ValueError("standard input is closed; give the message as an argument")
    return sys.stdin.buffer.read()
