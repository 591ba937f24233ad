"""The figure of a trace."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.trace_figure import WIDTH, draw

SVG = "{http://www.w3.org/2000/svg}"


def event(name: str, begun: float, lasted: float, thread: int = 1) -> dict[str, Any]:
    return {"name": name, "ph": "X", "pid": 1, "tid": thread, "ts": begun, "dur": lasted}


def test_the_shortest_reply_is_drawn_with_what_is_inside() -> None:
    events = [
        event("engine.encode", 0, 40),
        event("respond", 0, 101),
        event("engine.step", 120, 20),
        event("engine.decode", 110, 50),
        event("respond", 100, 100),
        event("elsewhere", 110, 10, thread=2),
        event("respond", 300, 101),
    ]
    figure = ET.fromstring(draw(events))  # noqa: S314 - it is ours
    bars = {title.text: bar for bar in figure.iter(f"{SVG}g") for title in bar.iter(f"{SVG}title")}
    assert list(bars) == ["respond: 100 us", "engine.decode: 50 us", "engine.step: 20 us"]
    sizes = [bar.find(f"{SVG}rect") for bar in bars.values()]
    drawn = [(float(r.get("x", 0)), float(r.get("width", 0))) for r in sizes if r is not None]
    assert drawn == [(0, WIDTH), (0.1 * WIDTH, 0.5 * WIDTH), (0.2 * WIDTH, 0.2 * WIDTH)]
    rows = [float(r.get("y", 0)) for r in sizes if r is not None]
    assert rows == sorted(set(rows))


def test_a_trace_without_a_reply_is_an_error() -> None:
    with pytest.raises(ValueError, match="the trace has no range 'respond'"):
        draw([event("engine.step", 0, 1)])
