"""Draws a reply of a trace (docs/profiling.md) as an SVG: a row for each depth of ranges.

It is the shortest one, which other programs disturbed least.

python -m benchmarks.trace_figure TRACE.json FIGURE.svg
"""

from __future__ import annotations

import json
import sys
from html import escape
from pathlib import Path
from typing import Any

REPLY = "respond"
WIDTH, ROW = 900, 34  # pixels of the figure, and of a row
LETTER = 7  # pixels of a letter: shorter ranges have no label
COLOURS = ("#cfe3f5", "#f7dfb4", "#d7ecc9", "#eccfe0")
OPENING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" '
    'font-size="12">'
)
Range = dict[str, Any]


def main() -> None:
    """Read a trace, and write the figure."""
    source, target = map(Path, sys.argv[1:])
    events = json.loads(source.read_text(encoding="utf-8"))["traceEvents"]
    target.write_text(draw(events), encoding="utf-8")


def draw(events: list[Range]) -> str:
    """The shortest reply and all ranges within it, on its thread; ValueError: there is none."""
    replies = [event for event in events if event["name"] == REPLY]
    if not replies:
        raise ValueError(f"the trace has no range {REPLY!r}; call Generator.respond")
    reply = min(replies, key=lambda event: float(event["dur"]))
    inside = [event for event in events if _contains(reply, event)]
    inside.sort(key=lambda event: (event["ts"], -event["dur"]))
    parts = [_bar(reply, event, _depth(event, inside)) for event in inside]
    height = ROW * (1 + max(_depth(event, inside) for event in inside)) + 20
    note = f"{reply['dur'] / 1e3:.2f} ms"
    whole = f'<text x="{WIDTH}" y="{height - 4}" text-anchor="end">{note}</text>'
    return "\n".join([OPENING.format(WIDTH, height), *parts, whole, "</svg>\n"])


def _contains(outer: Range, inner: Range) -> bool:
    ends = inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]
    return bool(outer["tid"] == inner["tid"] and outer["ts"] <= inner["ts"] and ends)


def _depth(event: Range, events: list[Range]) -> int:
    return sum(_contains(other, event) for other in events if other is not event)


def _bar(reply: Range, event: Range, depth: int) -> str:
    scale = WIDTH / reply["dur"]
    x, width = (event["ts"] - reply["ts"]) * scale, event["dur"] * scale
    title = f"{escape(event['name'])}: {event['dur']:.0f} us"
    label = title if len(title) * LETTER < width else escape(event["name"])
    text = ""
    if len(label) * LETTER < width:
        text = f'<text x="{x + 5:.1f}" y="{depth * ROW + 20}">{label}</text>'
    return (
        f'<g><title>{title}</title><rect x="{x:.1f}" y="{depth * ROW}" width="{width:.1f}" '
        f'height="{ROW - 4}" fill="{COLOURS[depth % len(COLOURS)]}" stroke="#555"/>{text}</g>'
    )


if __name__ == "__main__":
    main()
