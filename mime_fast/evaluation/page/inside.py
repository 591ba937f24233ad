"""Figs. 4 and 5, attention of a reply over its context, and the mixture of emotions behind it."""

from __future__ import annotations

from collections.abc import Iterator

from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.page.chart import Bar, bars, heat_map
from mime_fast.evaluation.page.markup import Html, Part, absent, figure, join, paragraph, tag
from mime_fast.evaluation.page.material import Material

LEAST = 0.01  # shares below it are not drawn
NEED = "outputs do not hold it, the checkpoint does (--weights)."


def attention_part(material: Material) -> Part:
    """A heat map a system and example."""
    title = "Attention of a reply over its context (the paper's Figs. 4 and 5)"
    if not material.looks:
        return Part("attention", title, absent(NEED))
    note = paragraph(
        "Rows: the words of a greedy reply without emotion noise. Columns: the words of the "
        "context as the model reads them, behind CLS. Each row is the softmax weights of the last "
        "decoder layer over the refined context, the mean over heads, and sums to 1. The position "
        "of a word holds what the encoders gathered there, not the word alone. Examples are drawn "
        f"at random with seed {material.seed}."
    )
    return Part("attention", title, join([note, *_maps(material), *_without(material)]))


def _maps(material: Material) -> Iterator[Html]:
    for name, looks in material.looks.items():
        for look in looks:
            label = f"attention of the reply of {name} to example {look.index}"
            drawn = heat_map(label, look.reply, look.context, look.weights)
            caption = f"{name}, example {look.index}: “{look.response.text}”"
            yield figure(drawn, caption)


def mixture_part(material: Material) -> Part:
    """Bars of the emotions that the same replies are made of."""
    title = "Emotion mixture of a reply"
    if not material.looks:
        return Part("mixture", title, absent(NEED))
    note = paragraph(
        "The same replies. MIME mixes the emotions of either group (each sums to 1), and the group "
        "that mimics the speaker's polarity refines the context first; without mimicry the "
        "positive group always does, and without grouping both sum to 1 together. Of MoEL the bars "
        "are the weights of its listeners."
    )
    drawn = [
        _mixture(material, name, place)
        for name, looks in material.looks.items()
        for place in range(len(looks))
    ]
    return Part("mixture", title, join([note, *drawn, *_without(material)]))


def _mixture(material: Material, name: str, place: int) -> Html:
    look = material.looks[name][place]
    response, mixture = look.response, look.response.mixture
    groups = {"positive": mixture.positive, "negative": mixture.negative}
    if not any(groups.values()):
        return absent(f"{name} has no mixture of emotions.")
    panels = [_group(name, kind, shares, look.index) for kind, shares in groups.items()]
    label = EMOTIONS[material.examples[look.index].emotion]
    mimicked = f"; the {mixture.mimicked} group is mimicked" if mixture.mimicked else ""
    caption = (
        f"{name}, example {look.index}: recognised {response.emotion} "
        f"({response.emotions[response.emotion]:.0%}), labelled {label}{mimicked}. "
        f"“{response.text}”"
    )
    return tag("article", tag("div", *panels, class_="panels"), tag("p", caption))


def _group(name: str, kind: str, shares: dict[str, float], index: int) -> Html:
    ordered = sorted(shares.items(), key=lambda pair: -pair[1])
    shown = [pair for pair in ordered if pair[1] >= LEAST] or ordered[:1]
    items = [Bar(emotion, share, f"{share:.0%}", kind) for emotion, share in shown]
    drawn = bars(f"{kind} emotions of the reply of {name} to example {index}", items, 1.0)
    return figure(drawn, f"{kind} emotions of {LEAST:.0%} or more")


def _without(material: Material) -> list[Html]:
    able = [each for each in material.systems if each.outputs.system in material.looks]
    return material.without(able, NEED)
