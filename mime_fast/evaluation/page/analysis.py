"""Error analysis: fluency, surprise, wrong emotion; counts a system, and instances at random."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mime_fast.emotions import EMOTIONS, polarity
from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.comparison.printed import ABSENT
from mime_fast.evaluation.metrics.bootstrap import Array, Bootstrap, mean
from mime_fast.evaluation.page.errors import (
    FLAWS,
    SURPRISING,
    confusions,
    flawed,
    most_surprising,
    single_words,
)
from mime_fast.evaluation.page.examples import recognised, turns
from mime_fast.evaluation.page.markup import (
    Html,
    Part,
    folded,
    join,
    paragraph,
    table,
    tag,
    terms,
)
from mime_fast.evaluation.page.material import Material
from mime_fast.evaluation.page.tables import cell
from mime_fast.text.detokenizer import natural_text

INSTANCES = 4  # of each kind and system
PAIRS = 8  # of emotions that are confused
Mask = NDArray[np.bool_]


def part(material: Material) -> Part:
    """The three kinds of errors, each defined where it is counted."""
    body = [
        *(tag("h3", "Fluency"), _fluency(material)),
        *(tag("h3", "Surprise"), _surprise(material)),
        *(tag("h3", "Wrong emotion"), _wrong_emotion(material)),
    ]
    return Part("errors", "Error analysis", join(body))


def _fluency(material: Material) -> Html:
    count = len(material.examples)
    written = {each.outputs.system: each.replies for each in material.systems}
    found = {name: flawed(replies) for name, replies in written.items()}
    people = flawed(material.gold.references)
    rows = [
        (name, *(_share(len(flaws[flaw.name]), count) for flaw in FLAWS))
        for name, flaws in [*found.items(), ("people (the references)", people)]
    ]
    shown = [
        folded(f"{name}: {flaw.name}, examples", _replies(material, name, flaw.name, places))
        for name, flaws in found.items()
        for flaw in FLAWS
        if (places := flaws[flaw.name])
    ]
    meaning = terms((flaw.name, flaw.meaning) for flaw in FLAWS)
    head = ["", *(flaw.name for flaw in FLAWS)]
    caption = f"Replies with each flaw, of {count:,}"
    note = paragraph(
        "What can be counted without a judge: a reply without a flaw may be dull, and people leave "
        "out a last full stop too, as their own row shows."
    )
    return join([note, meaning, table(caption, head, rows), *shown])


def _replies(material: Material, name: str, flaw: str, places: Sequence[int]) -> Html:
    (measured,) = (each for each in material.systems if each.outputs.system == name)
    drawn = material.draw(INSTANCES, places, f"{name} {flaw}")
    rows = [(f"example {index}", natural_text(measured.replies[index])) for index in drawn]
    return tag("div", table(_drawn(len(drawn), len(places)), ["", "reply"], rows), class_="words")


def _drawn(shown: int, total: int) -> str:
    return f"{shown} of {total:,}, at random"


def _share(count: int, total: int) -> Html:
    return join([f"{count:,}", tag("small", f"{count / max(total, 1):.1%}")])


def _surprise(material: Material) -> Html:
    note = paragraph(
        f"The {SURPRISING:.0%} of the examples whose references cost a system most nats a token "
        "(the unknown words' share included), beside the others. A word is single if no other "
        "reference of the set has it."
    )
    able = [each for each in material.systems if each.outputs.costs is not None]
    single = single_words(material.gold.references)
    missing = material.without(able, "the outputs hold no costs.")
    return join([note, *(_surprise_of(material, each, single) for each in able), *missing])


def _surprise_of(material: Material, measured: Measured, single: Array) -> Html:
    costs, tokens = np.array(measured.outputs.costs), np.array(measured.outputs.tokens, float)
    top = most_surprising(costs, tokens)
    traits = [
        ("nats a token of the reference", costs / tokens),
        ("tokens of the reference, with its end", tokens),
        ("references with a single word", (single > 0).astype(float)),
        ("turns of the context", np.array([len(each.context) for each in material.examples])),
        ("words of the last turn", np.array([len(t.split()) for t in material.gold.turns])),
    ]
    if "emotion_accuracy" in measured.paired:
        traits.append(("emotion recognised right", measured.paired["emotion_accuracy"]))
    rows = [(trait, _mean(values, top), _mean(values, ~top)) for trait, values in traits]
    name = measured.outputs.system
    caption = f"{name}: means of the {int(top.sum()):,} most surprising examples and of the others"
    drawn = material.draw(INSTANCES, np.flatnonzero(top).tolist(), f"{name} surprise")
    instances = [_instance(material, measured, index, costs / tokens) for index in drawn]
    title = f"{name}: {_drawn(len(drawn), int(top.sum()))}"
    return join([table(caption, ["", "surprising", "others"], rows), folded(title, *instances)])


def _mean(values: Array, members: Mask) -> str:
    return f"{values[members].mean():.2f}" if members.any() else ABSENT


def _instance(material: Material, measured: Measured, index: int, costs: Array | None) -> Html:
    example = material.examples[index]
    spent = "" if costs is None else f", {costs[index]:.1f} nats a token"
    seen = recognised(measured, index)
    title = f"Example {index}: labelled {EMOTIONS[example.emotion]}, recognised {seen}{spent}"
    pairs = [
        (measured.outputs.system, natural_text(measured.replies[index])),
        ("reference", example.target),
    ]
    return tag("article", tag("h4", title), turns(example), terms(pairs))


def _wrong_emotion(material: Material) -> Html:
    note = paragraph(
        "The recognised emotion is of the other group than the label: MIME then mimics the wrong "
        "polarity. Does the sentiment of the reply (VADER) suffer? It agrees with the label's "
        "group in the shares below, with the 95% interval of their difference. The examples differ "
        "in more than the recognised group (the hard ones are on one side), so a difference is no "
        "proof of a cause."
    )
    able = [each for each in material.systems if each.outputs.emotions is not None]
    missing = material.without(able, "the outputs hold no recognised emotions.")
    if not able:
        return join([note, *missing])
    head = ["", "wrong group", "agrees where right", "agrees where wrong", "wrong less right"]
    rows = [_polarity_row(each, material.gold.bootstrap) for each in able]
    shown = [item for each in able for item in _confused(material, each)]
    caption = "Recognised in the wrong group, and the sentiment of the replies"
    return join([note, table(caption, head, rows), *shown, *missing])


def _polarity_row(measured: Measured, bootstrap: Bootstrap) -> tuple[object, ...]:
    right = measured.paired["polarity_accuracy"] > 0
    agrees = measured.paired["polarity_agreement"]
    shares = [_share(int(agrees[side].sum()), int(side.sum())) for side in (right, ~right)]
    where_right, where_wrong = (mean(np.where(side, agrees, np.nan)) for side in (right, ~right))
    apart = cell(bootstrap.difference(where_wrong, where_right), "+.1%")
    return measured.outputs.system, _share(int((~right).sum()), len(right)), *shares, apart


def _confused(material: Material, measured: Measured) -> Iterable[Html]:
    name = measured.outputs.system
    pairs = confusions(np.array(measured.details["confusion"]), PAIRS)
    rows = [
        (
            f"{EMOTIONS[label]} as {EMOTIONS[seen]}",
            f"{count}",
            "no" if polarity(label) == polarity(seen) else "yes",
        )
        for label, seen, count in pairs
    ]
    yield table(f"{name}: the most frequent confusions", ["", "times", "other group"], rows)
    wrong = np.flatnonzero(measured.paired["polarity_accuracy"] == 0).tolist()
    drawn = material.draw(INSTANCES, wrong, f"{name} emotion")
    instances = [_instance(material, measured, index, None) for index in drawn]
    title = f"{name}: {_drawn(len(drawn), len(wrong))}, recognised in the wrong group"
    yield folded(title, *instances)
