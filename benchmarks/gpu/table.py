"""The short table of a results file: ours beside each peer, and beside the goals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.workload import BASE, BEAMS

GREEDY, BEAM, BATCH = GROUPS = "greedy reply", f"beam {BEAMS} reply", "batch of 256"
OF_BASE = f"{BASE}: "  # before a group that mime-base answers
REPLIES = 256
KERNEL, WRONG = "kernel: ", " (wrong)"
# In the units of the columns.
GOALS = {"must": (0.7, 1.2, 100_000.0), "target": (0.3, 0.4, 350_000.0)}
BASE_GOALS = {"must": (1.5, None, None), "target": (0.6, None, None)}
Goals = Mapping[str, tuple[float | None, float | None, float | None]]
HEADS = ("", "greedy, ms", f"beam {BEAMS}, ms", "batch 256, replies/s")


def short_table(results: dict[str, Any]) -> str:
    """One line a contestant that was measured, then one a kernel."""
    rows = results["rows"]
    lines = [_line(HEADS[0], HEADS[1:]), *reply_lines(rows, "", GOALS)]
    if any(row["group"].startswith(OF_BASE) for row in rows):
        lines += [_line(BASE, HEADS[1:]), *reply_lines(rows, OF_BASE, BASE_GOALS)]
    lines += kernel_lines(rows)
    return "\n".join(lines)


def reply_lines(rows: list[dict[str, Any]], prefix: str, goals: Goals) -> list[str]:
    """Replies of one model: of the groups with that prefix."""
    groups = [prefix + group for group in GROUPS]
    own = [row for row in rows if row["group"] in groups]
    medians = {(row["contestant"], row["group"]): float(row["median_ms"]) for row in own}
    wrong = {row["contestant"] for row in own if row.get("equal") is False}
    lines = []
    for name in dict.fromkeys(name for name, _ in medians):
        cells = _cells(*(medians.get((name, group)) for group in groups))
        lines.append(_line(name + (WRONG if name in wrong else ""), cells))
    for name, (one, beam, rate) in goals.items():
        lines.append(_line(f"goal: {name}", _cells(one, beam, None, rate)))
    return lines


def kernel_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Microseconds of each kernel: caches hot and cold, and the least that it takes."""
    heads = ("hot, us", "cold, us", "limit, us")
    kernels = [row for row in rows if row["group"].startswith(KERNEL) and "extra" in row]
    lines = [_line("kernel", heads)] if kernels else []
    for row in kernels:
        times = row["median_ms"], row["extra"]["cold_ms"], row.get("floor_ms")
        cells = ["-" if each is None else f"{1e3 * each:.1f}" for each in times]
        size = f" x {row['x']:g}" if "x" in row else ""
        name = f"{row['group'].removeprefix(KERNEL)}{size}, {row['contestant']}"
        lines.append(_line(name + (WRONG if row.get("equal") is False else ""), cells))
    return lines


def _cells(
    one: float | None, beam: float | None, batch: float | None, rate: float | None = None
) -> list[str]:
    """Milliseconds of each; the batch as replies a second."""
    if batch is not None:
        rate = 1e3 * REPLIES / batch
    return [
        "-" if one is None else f"{one:.3f}",
        "-" if beam is None else f"{beam:.3f}",
        "-" if rate is None else f"{rate:,.0f}",
    ]


def _line(name: str, cells: list[str] | tuple[str, ...]) -> str:
    return f"{name:44}" + "".join(f"{cell:>22}" for cell in cells)
