"""Diversity over seeds: what sampling the response emotions changes in a reply."""

from __future__ import annotations

from collections import Counter

from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.page.examples import turns
from mime_fast.evaluation.page.markup import Html, Part, join, paragraph, table, tag
from mime_fast.evaluation.page.material import Material
from mime_fast.evaluation.page.tables import SEEDS, figure_table
from mime_fast.text.detokenizer import natural_text

CONTEXTS = 3  # that are shown


def part(material: Material) -> Part:
    """Figures of the systems that were asked again with other seeds, and a few contexts."""
    title = "Diversity over seeds"
    able = [each for each in material.systems if each.outputs.seeds]
    missing = material.without(able, "the outputs hold no replies of several seeds.")
    if not able:
        return Part("seeds", title, join(missing))
    note = paragraph(
        "Greedy replies to one context that differ by the emotion noise alone: a system that draws "
        "nothing gives one reply. Contexts are drawn at random among those that were asked again."
    )
    shown = [_contexts(material, each) for each in able]
    body = [note, figure_table(title, SEEDS, able), *shown, *missing]
    return Part("seeds", title, join(body))


def _contexts(material: Material, measured: Measured) -> Html:
    seeds = measured.outputs.seeds or {}
    count = min(map(len, seeds.values()))
    cards = []
    for index in material.draw(CONTEXTS, range(count), "seeds"):
        replies = Counter(natural_text(replies[index]) for replies in seeds.values())
        rows = [(reply, times) for reply, times in replies.most_common()]
        caption = f"{measured.outputs.system}, example {index}: replies of {len(seeds)} seeds"
        answers = table(caption, ["reply", "seeds"], rows)
        cards.append(tag("article", turns(material.examples[index]), answers))
    return join(cards)
