"""What `mime-fast evaluate` shows: a column a system, a row a figure; or everything as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table

from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.comparison.compare import Comparison
from mime_fast.evaluation.comparison.figures import DESCRIPTIONS
from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.metrics.bootstrap import RESAMPLES, Figure
from mime_fast.evaluation.table import print_table, table_console
from mime_fast.text.detokenizer import natural_text
from mime_fast.text.examples import Example

ABSENT = "-"
LEAST_P = 0.0001
SHOWN_FREQUENT = 3  # replies a system; the JSON has more


def as_json(
    systems: Sequence[Measured], tests: Sequence[Comparison], baseline: str, samples: Sequence[int]
) -> str:
    """Everything; a figure that is not known is not there, and one that is infinite is null."""
    return json.dumps(
        _finite(
            {
                "examples": len(systems[0].outputs),
                "systems": [_system(measured, samples) for measured in systems],
                "baseline": baseline,
                "tests": [asdict(test) for test in tests],
                "descriptions": {name: known.text for name, known in DESCRIPTIONS.items()},
                "emotions": EMOTIONS,
                "intervals": f"95%, of {RESAMPLES} resamples of the conversations",
            }
        ),
        indent=2,
        ensure_ascii=False,
        allow_nan=False,
    )


def _system(measured: Measured, samples: Sequence[int]) -> dict[str, Any]:
    outputs = measured.outputs
    return {
        "system": outputs.system,
        "decoding": measured.decoding,
        "figures": {name: _figure(figure) for name, figure in measured.figures.items()},
        "absent": measured.absent,
        **measured.details,
        "facts": outputs.facts,
        "samples": [
            {"index": index, "reply": natural_text(measured.replies[index])} for index in samples
        ],
    }


def _figure(figure: Figure) -> dict[str, float]:
    return {name: value for name, value in asdict(figure).items() if value is not None}


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    if isinstance(value, dict):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def show(
    systems: Sequence[Measured],
    tests: Sequence[Comparison],
    baseline: str,
    examples: Sequence[Example],
    samples: Sequence[int],
) -> None:
    """Print figures, paired tests, the most frequent replies, what is not known, and samples."""
    console = table_console()
    print_table(console, _figures(systems))
    if tests:
        print_table(console, _tests(tests, baseline))
    print_table(console, _frequent(systems))
    for measured in systems:
        for what, why in measured.absent.items():
            line = f"{measured.outputs.system}: no {what} ({why})"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if samples:
        print_table(console, _samples(systems, examples, samples))


def _figures(systems: Sequence[Measured]) -> Table:
    table = Table("figure")
    for measured in systems:
        table.add_column(f"{escape(measured.outputs.system)}\n{measured.decoding}", justify="right")
    alone = len(systems) == 1
    if alone:
        table.add_column("what it is")
    for name, known in DESCRIPTIONS.items():
        cells = [_cell(measured.figures.get(name), known.format) for measured in systems]
        if set(cells) != {ABSENT}:
            table.add_row(name, *cells, *([known.text] if alone else []))
    return table


def _cell(figure: Figure | None, form: str) -> str:
    if figure is None:
        return ABSENT
    if figure.low is None or figure.high is None:
        return format(figure.value, form)
    sign = "%" if form.endswith("%") else ""
    low, high = (format(end, form).rstrip("%") for end in (figure.low, figure.high))
    return f"{format(figure.value, form)} ({low} to {high}{sign})"


def _tests(tests: Sequence[Comparison], baseline: str) -> Table:
    title = f"less {escape(baseline)}\n(shares: points)"
    table = Table("figure", "system", "replies", title, "p", "p (Holm)", "test")
    for test in tests:
        cell = _cell(test.difference, "+" + DESCRIPTIONS[test.figure].format)
        p_values = p_value(test.p_value), p_value(test.p_holm)
        table.add_row(test.figure, escape(test.system), test.replies, cell, *p_values, test.test)
    return table


def p_value(value: float) -> str:
    """A p-value; below LEAST_P only the bound is shown."""
    return f"{value:.2g}" if value >= LEAST_P else f"< {LEAST_P:g}"


def _frequent(systems: Sequence[Measured]) -> Table:
    table = Table("system", "times", "most frequent replies")
    for measured in systems:
        for reply, count in measured.details["frequent_replies"][:SHOWN_FREQUENT]:
            table.add_row(escape(measured.outputs.system), str(count), escape(reply))
    return table


def _samples(
    systems: Sequence[Measured], examples: Sequence[Example], samples: Sequence[int]
) -> Table:
    table = Table("example", "emotion", "system", "recognised", "reply")
    for index in samples:
        label = EMOTIONS[examples[index].emotion]
        for measured in systems:
            ranked = measured.outputs.emotions
            seen = ranked[index][0] if ranked else ABSENT
            reply = escape(natural_text(measured.replies[index]))
            table.add_row(str(index), label, escape(measured.outputs.system), seen, reply)
    return table
