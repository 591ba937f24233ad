"""Bars and heat maps as SVG whose colours are those of the page, in light and in dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mime_fast.evaluation.page.markup import Html, tag

Values = NDArray[np.floating]

HIGH, GAP = 12, 8  # pixels of a text's line, and beside a text
WIDTHS = {**dict.fromkeys("mwMW%", 0.96), **dict.fromkeys(" fijlrt.,'!:|", 0.4)}  # em, DejaVu Sans
USUAL_WIDTH = 0.64
ROW = 18  # pixels of a row of a drawing
BAR = 320  # pixels of the longest bar
FAINTEST = 0.02  # shares of the strongest cell below this are not drawn


@dataclass(frozen=True)
class Bar:
    """One bar; marks are other systems' values on it, by the number of their colour."""

    name: str
    value: float
    label: str
    kind: str = "accent"  # accent, positive, negative or muted
    marks: tuple[tuple[int, float], ...] = ()


def text_width(text: str) -> int:
    """About how many pixels a text of the drawings takes."""
    return round(HIGH * sum(WIDTHS.get(letter, USUAL_WIDTH) for letter in text))


def drawing(label: str, width: float, height: float, *children: object) -> Html:
    """An SVG of that size in pixels; the label is read to who does not see it."""
    size = {"width": round(width), "height": round(height)}
    box = f"0 0 {round(width)} {round(height)}"
    return tag("svg", *children, **size, viewBox=box, role="img", aria_label=label)


def write(x: float, y: float, text: str, **attributes: object) -> Html:
    """A text whose middle is at the height y."""
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "dominant-baseline": "central"}
    return tag("text", text, **place, **attributes)


def box(x: float, y: float, width: float, height: float, *children: object, **more: object) -> Html:
    """A rectangle."""
    size = {"x": x, "y": y, "width": width, "height": height}
    return tag("rect", *children, **{key: f"{each:.1f}" for key, each in size.items()}, **more)


def bars(label: str, items: Sequence[Bar], longest: float | None = None) -> Html:
    """Horizontal bars from 0; `longest` is the value of a full one."""
    names = max(text_width(item.name) for item in items) + GAP
    labels = max(text_width(item.label) for item in items) + 2 * GAP
    values = [value for item in items for value in (item.value, *(m for _, m in item.marks))]
    unit = BAR / (longest or max(*values, 1e-9))
    drawn = []
    for place, item in enumerate(items):
        top = place * ROW
        drawn += [
            write(names - GAP, top + ROW / 2, item.name, text_anchor="end"),
            box(names, top + 3, item.value * unit, ROW - 6, class_=item.kind),
            *(
                box(names + value * unit - 1.5, top + 1, 3, ROW - 2, class_=f"mark{number}")
                for number, value in item.marks
            ),
            write(names + BAR + GAP, top + ROW / 2, item.label, class_="faint"),
        ]
    return drawing(label, names + BAR + labels, len(items) * ROW, *drawn)


def heat_map(
    label: str, rows: Sequence[str], columns: Sequence[str], values: Values, *, split: int = 0
) -> Html:
    """Cells (rows, columns), the darker the greater; each tells its value when pointed at.

    split: how many of the first rows and columns are a group of their own, which a line shows.
    """
    left = max(map(text_width, rows)) + GAP
    above = max(map(text_width, columns)) + GAP
    strongest = float(values.max()) or 1.0
    width, height = left + len(columns) * ROW, above + len(rows) * ROW
    names = [
        write(left - GAP, above + (place + 0.5) * ROW, name, text_anchor="end")
        for place, name in enumerate(rows)
    ]
    heads = []
    for place, name in enumerate(columns):
        x, y = left + (place + 0.5) * ROW, above - GAP
        heads.append(write(x, y, name, transform=f"rotate(-90 {x:.1f} {y:.1f})"))
    cells = [
        box(
            left + column * ROW,
            above + row * ROW,
            ROW - 1,
            ROW - 1,
            tag("title", f"{rows[row]}, {columns[column]}: {value:.2f}"),
            class_="accent",
            fill_opacity=f"{value / strongest:.2f}",
        )
        for (row, column), value in np.ndenumerate(values)
        if value > FAINTEST * strongest
    ]
    frames = [
        box(left, above, wide * ROW, high * ROW, class_="frame")
        for wide, high in ((len(columns), len(rows)), (split, len(rows)), (len(columns), split))
        if wide and high
    ]
    drawn = [*names, *heads, *cells, *frames]
    return drawing(label, width + GAP, height + 2, *drawn)
