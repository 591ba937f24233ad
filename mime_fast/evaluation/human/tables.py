"""The results of a human evaluation as tables, or as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from mime_fast.evaluation.human.results import GROUPS, Mean, Results
from mime_fast.evaluation.human.verdict import Scores
from mime_fast.evaluation.table import print_table, table_console


def show(results: Results, *, as_json: bool) -> None:
    """Print the results."""
    if as_json:
        print(json.dumps(asdict(results), indent=2, ensure_ascii=False))
        return
    console = table_console()
    console.print(f"{results.rated} of {results.to_rate} replies have all their ratings")
    ratings = [_ratings(results, group) for group in GROUPS]
    for table in (*ratings, _comparisons(results), _agreement(results), _people(results)):
        print_table(console, table)


def _ratings(results: Results, group: str) -> Table:
    contexts = max(scales["empathy"][group].contexts for scales in results.ratings.values())
    title = f"Ratings, 1 to 5 [95% interval]: {group} contexts, {contexts}"
    table = Table(title=escape(title), box=SIMPLE_HEAD)
    table.add_column("system")
    for scale in Scores._fields:
        table.add_column(scale, no_wrap=True)
    for system, scales in results.ratings.items():
        table.add_row(escape(system), *(_mean(scales[scale][group]) for scale in Scores._fields))
    return table


def _comparisons(results: Results) -> Table:
    table = Table(title="A/B: per cent of the decided, for the first system", box=SIMPLE_HEAD)
    table.add_column("systems")
    for name in ("wins", "losses", "ties", "decided", "disputed", "unfinished"):
        table.add_column(name, justify="right")
    for pair in results.comparisons:
        shares = [_share(share) for share in (pair.wins, pair.losses, pair.ties)]
        counts = map(str, (pair.decided, pair.disputed, pair.unfinished))
        table.add_row(escape(f"{pair.first}\n{pair.second}"), *shares, *counts)
    return table


def _agreement(results: Results) -> Table:
    table = Table(*results.agreement, title="Agreement: Krippendorff's alpha", box=SIMPLE_HEAD)
    table.add_row(
        *("-" if alpha is None else f"{alpha:.3f}" for alpha in results.agreement.values())
    )
    return table


def _people(results: Results) -> Table:
    table = Table(
        "annotator", "ratings", "A/B", "changed", "surplus", title="Votes", box=SIMPLE_HEAD
    )
    for name, votes in results.annotators.items():
        counts = (votes.ratings, votes.comparisons, votes.changed, votes.surplus)
        table.add_row(escape(name), *map(str, counts))
    return table


def _mean(mean: Mean) -> str:
    if mean.mean is None:
        return "-"
    return escape(f"{mean.mean:.2f} [{mean.low:.2f}, {mean.high:.2f}]")


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"
