"""Commands that compare systems: evaluate, report, annotate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mime_fast.cli.app import Command, app
from mime_fast.cli.shared import needs

Examples = Annotated[
    Path,
    typer.Option(
        "--data", help="A file of either kind, or a folder with test_examples or test (see train)."
    ),
]
Baseline = Annotated[
    str | None, typer.Option(help="The system to test the others against; default: the first.")
]
Decoding = Annotated[
    str,
    typer.Option(
        help="Compare greedy, beam, topk, mbr or best_of replies; mbr,greedy: the first that a "
        "system has."
    ),
]
Save = Annotated[
    Path | None, typer.Option(help="Write the outputs of checkpoints into this folder.")
]


@app.command(cls=Command)
def evaluate(
    data: Examples,
    systems: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[SYSTEMS]...",
            help="Checkpoints, saved outputs, or those the authors released; default: the bundled.",
        ),
    ] = None,
    baseline: Baseline = None,
    decoding: Decoding = "greedy",
    save: Save = None,
    people: Annotated[
        bool, typer.Option("--people", help="Measure the references as a system, too.")
    ] = False,
    samples: Annotated[int, typer.Option(help="Show this many replies, drawn at random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Compare systems: perplexity, emotions, BLEU, diversity, mimicry, relevance (extra `eval`).

    mime-fast evaluate --data ed/test_examples.jsonl

    mime-fast evaluate runs/mime systems/moel.jsonl --data ed --baseline moel --save systems
    """
    with needs("eval"):
        from mime_fast.evaluation.comparison.evaluate import Options
        from mime_fast.evaluation.comparison.evaluate import evaluate as evaluate_systems

        options = Options(baseline, decoding, save, people, samples, as_json)
        evaluate_systems(systems or [], data, options)


@app.command(cls=Command)
def report(
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
    baseline: Baseline = None,
    decoding: Decoding = "greedy",
    save: Save = None,
    seed: Annotated[int, typer.Option(help="Seed of the examples that are drawn.")] = 0,
    examples: Annotated[int, typer.Option(help="How many are shown.")] = 12,
    latency: Annotated[
        Path | None,
        typer.Option(help="Times of the systems: what benchmarks.systems_latency wrote."),
    ] = None,
) -> None:
    """Write one HTML page: tables, tests, figures, examples, errors (extra `eval`).

    mime-fast report --data ed --out report.html

    mime-fast report mime.jsonl moel.jsonl --weights runs/mime --data ed --out report.html
    """
    with needs("eval"):
        from mime_fast.evaluation.comparison.evaluate import Options
        from mime_fast.evaluation.page.report import Shown
        from mime_fast.evaluation.page.report import report as write_report

        options = Options(baseline, decoding, save)
        shown = Shown(weights or [], seed, examples, latency)
        write_report(systems or [], data, out, options, shown)


@app.command(cls=Command)
def annotate(
    outputs: Annotated[
        list[Path], typer.Argument(metavar="OUTPUTS...", help="Files of replies, or released ones.")
    ],
    data: Annotated[Path, typer.Option(help="The examples that they answer, as of evaluate.")],
    database: Annotated[
        Path, typer.Option(help="Where votes are stored; made if it is not there.")
    ],
    decoding: Annotated[
        str, typer.Option(help="Which replies of a system: greedy, ...")
    ] = "greedy",
    contexts: Annotated[int, typer.Option(help="How many; as many of each emotion.")] = 128,
    system: Annotated[
        list[str] | None, typer.Option(help="Only this one, in the order given; repeat the option.")
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(help="FIRST:SECOND, an A/B pair; default: the first system with every other."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the contexts, orders and sides.")] = 0,
    host: Annotated[
        str, typer.Option(help="Listen here; 0.0.0.0: the whole network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Listen here; 0: any free one.")] = 8000,
    results: Annotated[bool, typer.Option("--results", help="Print the results instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The results as JSON.")] = False,
) -> None:
    """Let people rate and compare replies in their browsers (extra `annotate`).

    mime-fast annotate ours.jsonl mime.txt --data ed/test_examples.jsonl --database votes.sqlite
    """
    with needs("annotate"):
        from mime_fast.evaluation.human.command import (
            check_database,
            read_plan,
            serve_page,
            show_results,
        )
    check_database(database, create=not (results or as_json))
    plan = read_plan(
        outputs,
        data,
        systems=system or (),
        pairs=pair or (),
        decoding=decoding,
        contexts=contexts,
        seed=seed,
    )
    if results or as_json:
        show_results(plan, database, as_json=as_json)
    else:
        serve_page(plan, database, host, port)
