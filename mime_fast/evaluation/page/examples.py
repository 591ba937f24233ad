"""Examples drawn at random, answered by every system; and contexts as the page quotes them."""

from __future__ import annotations

from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.comparison.printed import ABSENT
from mime_fast.evaluation.page.markup import Html, Part, join, paragraph, table, tag
from mime_fast.evaluation.page.material import Material
from mime_fast.text.detokenizer import natural_text
from mime_fast.text.examples import Example

ROLES = ("speaker", "listener")


def part(material: Material) -> Part:
    """The same contexts for all."""
    shown = material.drawn()
    note = paragraph(
        f"{len(shown)} of {len(material.examples):,} examples, drawn at random with seed "
        f"{material.seed}; none was chosen. Another seed: --seed."
    )
    cards = [_card(material, index) for index in shown]
    return Part("examples", "Examples", join([note, *cards]))


def turns(example: Example) -> Html:
    """The turns of a context, oldest first."""
    shown = [
        tag("blockquote", tag("b", f"{ROLES[turn % 2]}: "), text)
        for turn, text in enumerate(example.context)
    ]
    return join(shown)


def recognised(measured: Measured, index: int) -> str:
    """The emotion that a system recognised, or a dash."""
    ranked = measured.outputs.emotions
    return ranked[index][0] if ranked else ABSENT


def _card(material: Material, index: int) -> Html:
    example = material.examples[index]
    rows = [
        (each.outputs.system, recognised(each, index), natural_text(each.replies[index]))
        for each in material.systems
    ]
    rows.append(("a person (reference)", EMOTIONS[example.emotion], example.target))
    answers = table(f"Replies to example {index}", ["", "emotion", "reply"], rows)
    title = tag("h3", f"Example {index}: {EMOTIONS[example.emotion]}")
    return tag("article", title, turns(example), tag("div", answers, class_="words"))
