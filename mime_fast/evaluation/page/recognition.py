"""Recognition of the speaker's emotion: shares, a bar an emotion, and what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mime_fast.emotions import EMOTIONS, NEGATIVE, POSITIVE, polarity
from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.page.chart import Bar, bars, heat_map
from mime_fast.evaluation.page.markup import Html, Part, absent, figure, groups_named, join, tag
from mime_fast.evaluation.page.material import Material
from mime_fast.evaluation.page.tables import RECOGNITION, figure_table

COLOURS = 4  # of marks in the style sheet


def part(material: Material) -> Part:
    """The figures of all systems; bars and confusion of the first that recognises emotions."""
    title = "Emotion recognition"
    able = [each for each in material.systems if "confusion" in each.details]
    if not able:
        reason = "no system names the emotions that it recognised."
        return Part("recognition", title, absent(reason))
    chosen, *others = able
    shares = figure_table(title, RECOGNITION, material.systems)
    body = [shares, _bars(chosen, others), _confusion(chosen)]
    return Part("recognition", title, join(body))


def _bars(chosen: Measured, others: Sequence[Measured]) -> Html:
    name, recall = chosen.outputs.system, chosen.details["emotion_recall"]
    marked = list(enumerate(others[:COLOURS]))
    unmarked = [each.outputs.system for each in others[COLOURS:]]
    items = [
        Bar(
            emotion,
            value,
            f"{value:.0%}",
            polarity(EMOTIONS.index(emotion)),
            tuple((n, each.details["emotion_recall"].get(emotion, 0.0)) for n, each in marked),
        )
        for emotion, value in sorted(recall.items(), key=lambda pair: -pair[1])
    ]
    legend = [
        join([" ", tag("b", "▌", class_=f"mark{n}"), each.outputs.system]) for n, each in marked
    ]
    caption = join(
        [
            f"Share of each emotion's examples in which {name} recognises it, ",
            groups_named(),
            " emotions.",
            *([" Marks:", *legend, "."] if legend else []),
            *([" Without marks: ", ", ".join(unmarked), " (see the table)."] if unmarked else []),
        ]
    )
    return figure(bars(f"recall of each emotion by {name}", items, 1.0), caption)


def _confusion(chosen: Measured) -> Html:
    order = [*POSITIVE, *NEGATIVE]
    counts = np.array(chosen.details["confusion"], np.float64)[np.ix_(order, order)]
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [EMOTIONS[emotion] for emotion in order]
    name = chosen.outputs.system
    caption = (
        f"{name}: of the examples of an emotion (row), the share recognised as each (column). "
        f"The {len(POSITIVE)} positive emotions come first: mistakes beyond the group are at top "
        "right and bottom left."
    )
    label = f"confusion of emotions by {name}"
    return figure(heat_map(label, names, names, shares, split=len(POSITIVE)), caption)
