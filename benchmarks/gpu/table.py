"""The short table of a results file: ours beside each peer, and beside the goals."""

from __future__ import annotations

from typing import Any

from benchmarks.workload import BEAMS

GREEDY, BEAM, BATCH = "greedy reply", f"beam {BEAMS} reply", "batch of 256"
REPLIES = 256
GOALS = {"must": (0.8, 1.2, 100_000.0), "target": (0.45, 0.7, 250_000.0)}  # units of the columns
HEADS = ("", "greedy, ms", f"beam {BEAMS}, ms", "batch 256, replies/s")


def short_table(results: dict[str, Any]) -> str:
    """One line a contestant that was measured."""
    medians = {
        (row["contestant"], row["group"]): float(row["median_ms"]) for row in results["rows"]
    }
    groups = (GREEDY, BEAM, BATCH)
    lines = [_line(HEADS[0], HEADS[1:])]
    lines += [
        _line(name, _cells(*(medians.get((name, group)) for group in groups)))
        for name in dict.fromkeys(name for name, group in medians if group in groups)
    ]
    lines += [_line(name, _cells(one, beam, None, rate)) for name, (one, beam, rate) in _goals()]
    return "\n".join(lines)


def _goals() -> list[tuple[str, tuple[float, float, float]]]:
    return [(f"goal: {name}", values) for name, values in GOALS.items()]


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
    return f"{name:20}" + "".join(f"{cell:>22}" for cell in cells)
