"""Fig. 3: the emotion embeddings in two principal components, and how far the groups are apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mime_fast.emotions import EMOTIONS, polarity
from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.metrics.separation import SHUFFLES
from mime_fast.evaluation.page.chart import Values
from mime_fast.evaluation.page.markup import (
    Html,
    Part,
    absent,
    figure,
    groups_named,
    join,
    paragraph,
    tag,
)
from mime_fast.evaluation.page.material import Material
from mime_fast.evaluation.page.scatter import scatter

KINDS = [polarity(emotion) for emotion in range(len(EMOTIONS))]
MEANING = (
    "The silhouette of an emotion is (b - a) / max(a, b): a is its mean distance to the others of "
    "its group, positive or negative, b that to the other group. The mean over the 32 emotions is "
    "1 where each group is a point far from the other, and about 0 where the groups are "
    "mixed. It is computed in all dimensions, not in the two that are drawn. p is the share of "
    f"{SHUFFLES:,} random divisions into groups of these sizes that are at least as far apart (the "
    "given one counted among them). The paper shows the two panels without a number."
)


def principal_components(points: Values) -> tuple[Values, Values]:
    """Points (n, dim) -> their places (n, 2), and the share of the variance of either axis.

    The sign of an axis is such that the point farthest from the middle is on its positive side.
    """
    left, strengths, _ = np.linalg.svd(points - points.mean(0), full_matrices=False)
    places = left[:, :2] * strengths[:2]
    farthest = np.abs(places).argmax(0)
    places = places * np.where(places[farthest, np.arange(places.shape[1])] < 0, -1, 1)
    return places, strengths[:2] ** 2 / max(float((strengths**2).sum()), 1e-12)


def part(material: Material) -> Part:
    """One panel a system that has an emotion embedding."""
    title = "Emotion embeddings (the paper's Fig. 3)"
    able = [each for each in material.systems if "emotion_silhouette" in each.figures]
    if not able:
        body = absent("no system has an emotion embedding: give a checkpoint of MIME.")
        return Part("embeddings", title, body)
    legend = paragraph(
        "Each point is one of the 32 emotions: ",
        groups_named(),
        " (squares) as the model groups them. ",
        MEANING,
    )
    panels = tag("div", *map(_panel, able), class_="panels")
    without = material.without(able, "the outputs hold no emotion embedding.")
    return Part("embeddings", title, join([legend, panels, *_missing_forms(able), *without]))


def _panel(measured: Measured) -> Html:
    facts, figures = measured.outputs.facts, measured.figures
    places, shares = principal_components(np.array(facts["emotion_embedding"], np.float64))
    label = f"{measured.outputs.system}, {'with' if _mimics(facts) else 'without'} mimicry"
    caption = (
        f"{label}: {shares.sum():.0%} of the variance is in this plane. "
        f"Silhouette {figures['emotion_silhouette'].value:.3f}, "
        f"p {_p_value(figures['emotion_silhouette_p'].value)}."
    )
    return figure(scatter(f"emotion embedding of {label}", EMOTIONS, places, KINDS), caption)


def _p_value(p_value: float) -> str:
    least = 1 / (SHUFFLES + 1)
    return f"= {p_value:.2g}" if p_value > least else f"≤ {least:.0e}"


def _mimics(facts: dict[str, Any]) -> bool:
    config = facts.get("config")
    return not isinstance(config, dict) or config.get("mimicry", True) is not False


def _missing_forms(able: Sequence[Measured]) -> list[Html]:
    forms = {_mimics(each.outputs.facts) for each in able}
    missing = []
    if False not in forms:
        missing.append(
            absent("no system without mimicry was given (mime-fast train --no-mimicry makes one).")
        )
    if True not in forms:
        missing.append(absent("no system with mimicry was given."))
    return missing
