"""Commands that answer: respond, chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mime_fast.cli.app import Command, app
from mime_fast.cli.cluster import ClusterOptions
from mime_fast.cli.messages import InputFormat
from mime_fast.cli.options import Options, takes
from mime_fast.cli.shared import EngineOptions, needs
from mime_fast.config import GenerationConfig

History = Annotated[
    list[str] | None,
    typer.Option("--history", "-H", help="An earlier turn, oldest first; repeat the option."),
]


@app.command(cls=Command)
@takes(
    given=Options(GenerationConfig, given_only=True),
    engine=Options(EngineOptions),
    cluster=Options(ClusterOptions),
)
def respond(
    given: Mapping[str, Any],
    engine: EngineOptions,
    cluster: ClusterOptions,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...", help="Messages, each answered by itself; - reads one from stdin."
        ),
    ] = None,
    history: History = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", "-f", help="Answer each line of this file instead; - is standard input."
        ),
    ] = None,
    input_format: Annotated[
        InputFormat,
        typer.Option(
            help="Lines of --file: text, json (a string, a list of turns, or an object with "
            "message, history, id), or auto: json where a line begins with { or [."
        ),
    ] = InputFormat.AUTO,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Messages that are answered together, at most.")
    ] = 32,
    as_json: Annotated[
        bool, typer.Option("--json", help="Everything, as JSON; of several messages one a line.")
    ] = False,
) -> None:
    """Answer messages: one, several, or each line of a file, in their order.

    mime-fast respond 'I got the job!' --num-beams 5 -n 3

    mime-fast respond 'He ran away.' -H 'I lost my dog.' -H 'Oh no! What happened?'

    mime-fast respond --file messages.txt --json > replies.jsonl

    mime-fast respond --file messages.txt --ray --out replies

    Earlier turns (--history) come before every message. Wrong lines of a file are named as
    file:line before the first reply. A wrong line of a pipe is named when it comes, after the
    replies to the lines before it.

    The exit status is 0 if everything was answered, 1 if not, 2 for wrong usage.
    """
    if bool(texts) == (file is not None):
        raise typer.BadParameter("give either messages or --file", param_hint="TEXT")
    if cluster.ray and file is None:
        raise typer.BadParameter("it goes with --file", param_hint="--ray")
    from mime_fast.cli.source import Source

    if cluster.ray:
        engine = engine.native("--ray", threads=1)
    generator = engine.generator()
    options = generator.options(None, given)
    source = Source(texts=texts or [], file=file, form=input_format, history=history or [])
    if not cluster.ray:
        source.answer(generator, options, batch_size, as_json=as_json)
        return
    with needs("ray"):
        from mime_fast.cli.ray_job import make_job
        from mime_fast.cli.with_ray import respond_with_ray
    job = make_job(source, generator, options, batch_size, threads=engine.intra_threads or 1)
    respond_with_ray(job, cluster, source.show(as_json=as_json))


@app.command(cls=Command)
@takes(given=Options(GenerationConfig, given_only=True), engine=Options(EngineOptions))
def chat(
    given: Mapping[str, Any],
    engine: EngineOptions,
    history: History = None,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="Answer this first, as an example.")
    ] = None,
) -> None:
    """Talk with it; shows the emotion it recognised and the mixture it answers with.

    Ctrl-D or /quit leaves. Arrows edit the line and recall earlier ones, which are kept in memory
    alone. Ctrl-C clears the line or stops a reply; twice on an empty line it leaves. Pasted lines
    are one message where the terminal marks a paste.

    mime-fast chat --sample --top-p 0.9

    mime-fast chat -H 'I lost my dog.' -H 'Oh no! What happened?'
    """
    from mime_fast.cli.conversation import converse

    turns = history or []
    if len(turns) % 2:
        raise ValueError(
            f"--history of a chat holds pairs of turns, yours and the reply, got {len(turns)}"
        )
    generator = engine.generator()
    generator.check([*turns, "."])
    converse(generator, generator.options(None, given), turns, message)
