"""Results files as pages: tables and plots in one HTML file each, the plots as PNG beside it.

python -m benchmarks.report [RESULT.json ...]        default: the newest in benchmarks/results
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from benchmarks import results as files
from benchmarks.peers import OURS, REFERENCE
from benchmarks.plots import agreement_of, figures, threads_of

HEADINGS = ("", "median", "p10 to p90", "beside ours", "limit", "times the limit", "same tokens")
CSS = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1f2933; }
h1 { margin-bottom: 0; } h2 { margin-top: 3rem; } h3 { margin: 2rem 0 .3rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: right; font-weight: 500; color: #627d98; font-size: .85em; }
td { text-align: right; padding: .15rem .6rem; border-top: 1px solid #e4e7eb; }
td:first-child { text-align: left; } tr.ours { font-weight: 600; color: #c8375d; }
figure { margin: 1rem 0; } svg { max-width: 100%; height: auto; } p.facts { color: #627d98; }
"""


def main(arguments: list[str]) -> None:
    """Write the pages and say where."""
    paths = [Path(argument) for argument in arguments] or [_newest()]
    for path in paths:
        print(f"wrote {write_page(path)}")


def _newest() -> Path:  # not in a smoke run, which names its results
    found = sorted(files.FOLDER.glob("*.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        sys.exit(f"no results in {files.FOLDER}; run: make bench")
    return found[-1]


def write_page(path: Path) -> Path:
    """Write the HTML file and the PNG files beside a results file."""
    results = files.read(path)
    plots = []
    for name, title, figure in figures(results):
        figure.savefig(path.with_name(f"{path.stem}-{name}.png"), dpi=160, format="png")
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg")
        plots.append((name, title, drawn.getvalue()))
    page = path.with_suffix(".html")
    page.write_text(build_page(results, plots), encoding="utf-8")
    return page


def build_page(results: dict[str, Any], plots: Iterable[tuple[str, str, str]]) -> str:
    """The whole page; plots as (name, title, SVG)."""
    drawn = [
        f"<h2>{escape(title)}</h2><figure>{_inline(name, svg)}</figure>"
        for name, title, svg in plots
    ]
    tables = _tables(results["rows"], on_gpu="gpu" in results["machine"])
    body = [_introduction(results), *drawn, "<h2>All rows</h2>", *tables]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>mime_fast benchmarks</title><style>{CSS}</style>{''.join(body)}</html>\n"
    )


def _inline(name: str, svg: str) -> str:
    """One page holds several drawings, so each needs ids of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    return re.sub(r"((?:xlink:)?href=\"#|url\(#)", rf"\g<1>{name}-", svg)


def _introduction(results: dict[str, Any]) -> str:
    machine, versions = results["machine"], results["versions"]
    size = f"{machine['cores']} cores, {machine['memory_gb']} GB"
    gpu = machine.get("gpu")
    facts = [
        *([", ".join(f"{key} {value}" for key, value in gpu.items())] if gpu else []),
        f"{machine['cpu']}, {size}, {', '.join(machine['instructions'])}, {machine['system']}",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"commit {results['commit']}, {results['date']}"
        + (f", {results['seconds'] / 60:.1f} minutes" if "seconds" in results else "")
        + (", a quick run: few rounds" if results["quick"] else ""),
    ]
    for floors in results["floors"][:1]:
        peaks = ", ".join(
            f"{name} {rate / 1e9:.0f}" for name, rate in floors["peak_per_core"].items() if rate
        )
        where = "" if gpu else " of a core"
        facts.append(f"peak{where} ({floors['instructions']}), 10⁹ operations a second: {peaks}")
    present = dict.fromkeys(row["contestant"] for row in results["rows"])
    lossy = ", ".join(name for name in present if agreement_of(name) == "lossy")
    unlike = ", ".join(name for name in present if agreement_of(name) == "none")
    notes = (
        "Everybody answers the same requests in turns, in one process for each number of threads: "
        "compare within a table, not between runs. The shape is the default architecture with a "
        "vocabulary of 23,700 and random weights, 40 tokens of context and exactly 20 new ones, "
        "unless a row says otherwise; rows that start with “text” use the bundled checkpoints. "
        f"Tokens are compared with those of {REFERENCE}; who promises the same and gives others "
        f"fails the run. May differ: {lossy or 'none'}. Another model of about the same shape, "
        f"whose tokens mean nothing: {unlike or 'none'}. The limit is the time to read the "
        "weights once a step, or that of the arithmetic if it is longer, as measured in this run."
    )
    lines = "<br>".join(escape(fact) for fact in facts)
    return f'<h1>mime_fast benchmarks</h1><p class="facts">{lines}</p><p>{escape(notes)}</p>'


def _tables(rows: list[dict[str, Any]], *, on_gpu: bool) -> Iterable[str]:
    keys = dict.fromkeys((row["group"], row.get("x"), row["threads"]) for row in rows)
    for group, x, threads in keys:
        own = [row for row in rows if (row["group"], row.get("x"), row["threads"]) == (
            group, x, threads)]  # fmt: skip
        size = "" if x is None else f" {x:g}"
        where = "" if on_gpu else f", {threads_of(threads)}"
        yield f"<h3>{escape(group)}{size}{where}</h3>"
        yield _table(own)


def _table(rows: list[dict[str, Any]]) -> str:
    ours = next((row["median_ms"] for row in rows if row["contestant"] == OURS), None)
    extras = list(dict.fromkeys(key for row in rows for key in row.get("extra", {})))
    head = "".join(f"<th>{escape(text.replace('_', ' '))}</th>" for text in (*HEADINGS, *extras))
    body = "".join(_line(row, ours, extras) for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def share(value: float | bool) -> str:
    """The share in per cent; 100% means all. False, a promise that was not kept, is "no"."""
    if value is False:
        return "no"
    return "100%" if value == 1 else f"{min(value, 0.999):.1%}"


def _line(row: dict[str, Any], ours: float | None, extras: list[str]) -> str:
    median, floor = row["median_ms"], row.get("floor_ms")
    cells = [
        row["contestant"],
        f"{median:.3g} ms",
        f"{row['p10_ms']:.3g} to {row['p90_ms']:.3g}",
        f"{median / ours:.2f}×" if ours else "",
        f"{floor:.3g} ms" if floor else "",
        f"{median / floor:.2f}×" if floor else "",
        share(row["equal"]) if "equal" in row else "",
        *(f"{row.get('extra', {}).get(key, float('nan')):.4g}" for key in extras),
    ]
    kind = ' class="ours"' if row["contestant"] == OURS else ""
    return f"<tr{kind}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


if __name__ == "__main__":
    main(sys.argv[1:])
