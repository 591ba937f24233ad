"""Named points in a plane, each name where it covers no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mime_fast.evaluation.page.chart import HIGH, Values, box, drawing, text_width, write
from mime_fast.evaluation.page.markup import Html, tag

SIDE, MARGIN, RADIUS = 480, 84, 4  # pixels
FARNESS = 4  # square pixels that a name may cover to be a pixel nearer
Box = tuple[float, float, float, float]  # left, top, right, bottom


def scatter(label: str, names: Sequence[str], points: Values, kinds: Sequence[str]) -> Html:
    """Points (names, 2), both axes in the same unit; kinds: the class of each.

    Negative ones are squares: who sees no colours tells them apart.
    """
    span = float(np.ptp(points, axis=0).max()) or 1.0
    middle = (points.max(0) + points.min(0)) / 2
    places = ((points - middle) / span * [1, -1] + 0.5) * (SIDE - 2 * MARGIN) + MARGIN
    taken = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in places.tolist()]
    dots, texts = [], []
    for name, (x, y), kind in zip(names, places.tolist(), kinds, strict=True):
        dots.append(_dot(x, y, kind))
        found = _free(name, x, y, taken)
        taken.append(found)
        texts.append(write(found[0], (found[1] + found[3]) / 2, name, class_=kind))
    return drawing(label, SIDE, SIDE, *dots, *texts)


def _dot(x: float, y: float, kind: str) -> Html:
    if kind == "negative":
        return box(x - RADIUS, y - RADIUS, 2 * RADIUS, 2 * RADIUS, class_=kind)
    return tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=RADIUS, class_=kind)


def _free(name: str, x: float, y: float, taken: Sequence[Box]) -> Box:
    """The place for a point's name that covers least of what is there, and is not far from it."""

    def cost(place: Box) -> float:
        away = abs((place[1] + place[3]) / 2 - y)
        return sum(_overlap(place, other) for other in taken) + FARNESS * away

    return min(_beside(name, x, y), key=cost)


def _beside(name: str, x: float, y: float) -> Iterator[Box]:
    width, away = text_width(name), RADIUS + 2
    for left in (x + away, x - away - width, x - width / 2):
        for middle in (y, y - 10, y + 10, y - 16, y + 16, y - 24, y + 24):
            yield left, middle - HIGH / 2, left + width, middle + HIGH / 2


def _overlap(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0) * max(high, 0)
