"""Commands that compare systems: evaluate, report, annotate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mime_fast.cli.app import Command, app
from mime_fast.cli.options import Options, takes
from mime_fast.cli.shared import needs
from mime_fast.evaluation.comparison.options import ComparisonOptions, EvaluateOptions
from mime_fast.evaluation.human.options import AnnotateOptions
from mime_fast.evaluation.page.options import PageOptions

Examples = Annotated[
    Path,
    typer.Option(
        "--data", help="A file of either kind, or a folder with test_examples or test (see train)."
    ),
]


@app.command(cls=Command)
@takes(options=Options(EvaluateOptions))
def evaluate(
    options: EvaluateOptions,
    data: Examples,
    systems: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[SYSTEMS]...",
            help="Checkpoints, saved outputs, or those the authors released; default: the bundled.",
        ),
    ] = None,
) -> None:
    """Compare systems: perplexity, emotions, BLEU, diversity, mimicry, relevance (extra `eval`).

    mime-fast evaluate --data ed/test_examples.jsonl

    mime-fast evaluate runs/mime systems/moel.jsonl --data ed --baseline moel --save systems
    """
    with needs("eval"):
        from mime_fast.evaluation.comparison.evaluate import evaluate as evaluate_systems

        evaluate_systems(systems or [], data, options)


@app.command(cls=Command)
@takes(comparison=Options(ComparisonOptions), page=Options(PageOptions))
def report(
    comparison: ComparisonOptions,
    page: PageOptions,
    data: Examples,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
    systems: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SYSTEMS]...", help="As of evaluate; default: the bundled."),
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint that made some of the outputs; repeat it."),
    ] = None,
) -> None:
    """Write one HTML page: tables, tests, figures, examples, errors (extra `eval`).

    mime-fast report --data ed --out report.html

    mime-fast report mime.jsonl moel.jsonl --weights runs/mime --data ed --out report.html
    """
    page = page.replace(weights=tuple(weights or ()))
    with needs("eval"):
        from mime_fast.evaluation.page.report import report as write_report

        write_report(systems or [], data, out, comparison, page)


@app.command(cls=Command)
@takes(options=Options(AnnotateOptions))
def annotate(
    options: AnnotateOptions,
    outputs: Annotated[
        list[Path], typer.Argument(metavar="OUTPUTS...", help="Files of replies, or released ones.")
    ],
    data: Annotated[Path, typer.Option(help="The examples that they answer, as of evaluate.")],
    database: Annotated[
        Path, typer.Option(help="Where votes are stored; made if it is not there.")
    ],
) -> None:
    """Let people rate and compare replies in their browsers (extra `annotate`).

    mime-fast annotate ours.jsonl mime.txt --data ed/test_examples.jsonl --database votes.sqlite
    """
    with needs("annotate"):
        from mime_fast.evaluation.human.command import annotate as run
    run(outputs, data, database, options)
