"""The plots of a results file, as matplotlib figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from benchmarks.gpu.names import LOSSY
from benchmarks.peers import BY_NAME, OURS

ResultRows = Sequence[dict[str, Any]]

HIGHLIGHT, MUTED, FLOOR, GRID = "#c8375d", "#9fb3c8", "#1f2933", "#e4e7eb"
LINES = (
    *("#486581", "#2a9d8f", "#e9a23b", "#7b61c4", "#829ab1", "#5c940d", "#b44d12", "#3e4c59"),
    *("#4dabf7", "#c2a878"),
)
STYLE = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa5b1",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "svg.fonttype": "none",
    "figure.constrained_layout.use": True,
}
HEADLINES = ("greedy reply", "beam 5 reply", "batch of 32", "batch of 256")


def figures(results: dict[str, Any]) -> Iterator[tuple[str, str, Figure]]:
    """Name, title and figure of every plot that the results have rows for."""
    mpl.use("agg")
    on_gpu = results["machine"].get("gpu")
    with mpl.rc_context(STYLE):
        for threads in sorted({row["threads"] for row in results["rows"]}):
            rows = [row for row in results["rows"] if row["threads"] == threads]
            suffix = on_gpu["name"] if on_gpu else threads_of(threads)
            for name, title, draw in (
                ("latency", "Latency beside the peers", draw_latency),
                ("scaling", "Cost against batch size and length of context", draw_scaling),
                ("floors", "Distance from the machine's limit", draw_distance),
                ("load", "Latency under load", draw_load),
            ):
                figure = draw(rows)
                if figure is not None:
                    yield name if on_gpu else f"{name}-{threads}", f"{title}, {suffix}", figure
        if results["floors"]:
            yield "bandwidth", "What reading memory costs here", draw_bandwidth(results["floors"])


def threads_of(count: int) -> str:
    """The number of threads in words: "1 thread", "2 threads"."""
    return f"{count} thread{'s' if count > 1 else ''}"


def draw_latency(rows: ResultRows) -> Figure | None:
    """Bars, fastest on top; a tick where the machine's limit is for those weights."""
    groups = [group for group in HEADLINES if any(row["group"] == group for row in rows)]
    if not groups:
        return None
    sizes = [sum(row["group"] == group for row in rows) for group in groups]
    figure = Figure(figsize=(8.5, 0.28 * sum(sizes) + 0.9 * len(groups)))
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=sizes)[:, 0]
    for axes, group in zip(panels, groups, strict=True):
        own = sorted((row for row in rows if row["group"] == group), key=lambda r: -r["median_ms"])
        names = [_marked(row["contestant"]) for row in own]
        ticks = [row["floor_ms"] for row in own if "floor_ms" in row]
        _bars(axes, names, [row["median_ms"] for row in own], ticks=ticks)
        ours = next((row["median_ms"] for row in own if row["contestant"] == OURS), None)
        for index, row in enumerate(own):
            ratio = f"  {row['median_ms'] / ours:.2g}×" if ours else ""
            _label(axes, index, row["median_ms"], f"{_number(row['median_ms'])} ms{ratio}")
            if "floor_ms" in row:
                axes.plot([row["floor_ms"]] * 2, [index - 0.36, index + 0.36], color=FLOOR, lw=1.6)
        axes.set_title(group)
    panels[-1].set_xlabel(
        "milliseconds a call, median; black: the limit for weights of that type\n"
        "≈ tokens may differ from the model's   † another model, of about this shape"
    )
    return figure


def draw_scaling(rows: ResultRows) -> Figure | None:
    """Milliseconds a reply against batch size, and against the length of the context."""
    wanted = (("batch size", "ms a reply", True), ("context length", "ms", False))
    shown = [(g, label, share) for g, label, share in wanted if any(r["group"] == g for r in rows)]
    if not shown:
        return None
    figure = Figure(figsize=(5.2 * len(shown) + 1.6, 4.4))
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, (group, label, share) in zip(panels, shown, strict=True):
        own = [row for row in rows if row["group"] == group]
        _lines(axes, own, "median_ms", divide=share)
        floors = [row for row in own if row["contestant"] == OURS and "floor_ms" in row]
        _line(axes, floors, "floor_ms", divide=share, label="limit of ours", color=FLOOR, ls=":")
        axes.set_title(f"{group}: {label}")
        axes.set_xlabel("replies together" if share else "tokens of context")
        _log_ticks(axes, sorted({row["x"] for row in own}))
    _legend(figure, panels[0])
    return figure


def draw_distance(rows: ResultRows) -> Figure | None:
    """How many times the limit each of our rows takes; 1 cannot be beaten."""
    own = [row for row in rows if row["contestant"] == OURS and "floor_ms" in row]
    if not own:
        return None
    own.reverse()
    names = [f"{row['group']} {row['x']:g}" if "x" in row else row["group"] for row in own]
    ratios = [row["median_ms"] / row["floor_ms"] for row in own]
    figure = Figure(figsize=(8.5, 0.26 * len(own) + 0.9))
    axes = figure.subplots()
    _bars(axes, names, ratios, color=HIGHLIGHT)
    for index, (ratio, row) in enumerate(zip(ratios, own, strict=True)):
        _label(axes, index, ratio, f"{ratio:.2g}×  ({_number(row['floor_ms'])} ms at best)")
    axes.axvline(1, color=FLOOR, lw=1.2)
    axes.set_xlim(0.8, max(ratios) * 4)
    axes.set_xlabel("times the limit of reading the weights and of arithmetic")
    return figure


def draw_load(rows: ResultRows) -> Figure | None:
    """Median and 99th percentile against the number of clients."""
    own = [row for row in rows if row["group"] == "clients"]
    if not own:
        return None
    own = [{**row, "p99": row["extra"]["p99_ms"]} for row in own]
    figure = Figure(figsize=(12, 4.4))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, key, title in zip(panels, ("median_ms", "p99"), ("p50", "p99"), strict=True):
        _lines(axes, own, key)
        axes.set_title(f"{title}, ms")
        axes.set_xlabel("clients, each asking again as soon as it is answered")
        _log_ticks(axes, sorted({row["x"] for row in own}))
    _legend(figure, panels[0])
    return figure


def draw_bandwidth(floors: Sequence[dict[str, Any]]) -> Figure:
    """Read bandwidth by working-set size."""
    figure = Figure(figsize=(8.5, 3.6))
    axes = figure.subplots()
    for color, each in zip((HIGHLIGHT, *LINES), floors, strict=False):
        sizes, rates = zip(*each["read"], strict=True)
        label = threads_of(each["threads"])
        megabytes, gigabytes = [size / 1e6 for size in sizes], [rate / 1e9 for rate in rates]
        axes.plot(megabytes, gigabytes, marker="o", ms=3.5, color=color, label=label)
    for size, name in ((7.11, "int8"), (14.2, "bfloat16"), (28.4, "float32")):
        axes.axvline(size, color=GRID, zorder=0)
        axes.annotate(name, (size, 1), xycoords=("data", "axes fraction"), ha="center", fontsize=8)
    _log_ticks(axes, [0.5, 2, 8, 32, 128, 512])
    axes.set_yscale("linear")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("GB/s")
    axes.set_xlabel("working set, MB; grey: the vocabulary projection by type of weights")
    axes.legend(frameon=False)
    return figure


def agreement_of(name: str) -> str:
    """The contestants of the CPU, or of a GPU."""
    if name in LOSSY:
        return "lossy"
    return BY_NAME[name].agreement if name in BY_NAME else "exact"


def _marked(name: str) -> str:
    """The name, with a sign if its tokens are not those of the reference."""
    return name + {"exact": "", "lossy": " ≈", "none": " †"}[agreement_of(name)]


def _bars(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[float],
    *,
    ticks: Sequence[float] = (),
    color: str | None = None,
) -> None:
    colors = [color or (HIGHLIGHT if name == OURS else MUTED) for name in names]
    axes.barh(range(len(names)), values, color=colors, height=0.72)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xscale("log")
    axes.set_xlim(min([*values, *ticks]) / 2, max(values) * 4)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def _label(axes: Axes, index: int, value: float, text: str) -> None:
    axes.annotate(
        text, (value, index), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5
    )


def _lines(axes: Axes, rows: ResultRows, key: str, *, divide: bool = False) -> None:
    names = list(dict.fromkeys(row["contestant"] for row in rows))
    others = iter(LINES * 2)
    for name in names:
        ours = name == OURS
        own = [row for row in rows if row["contestant"] == name]
        style = {"color": HIGHLIGHT if ours else next(others), "lw": 2.6 if ours else 1.4}
        _line(axes, own, key, divide=divide, label=_marked(name), zorder=3 if ours else 2, **style)


def _line(axes: Axes, rows: ResultRows, key: str, *, divide: bool, **style: Any) -> None:
    points = sorted((row["x"], row[key] / (row["x"] if divide else 1)) for row in rows)
    if points:
        sizes, values = zip(*points, strict=True)
        axes.plot(sizes, values, marker="o", ms=3.5, **style)


def _log_ticks(axes: Axes, sizes: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(color=GRID)
    axes.set_axisbelow(True)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=9)
