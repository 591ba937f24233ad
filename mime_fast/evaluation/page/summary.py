"""What the figures say, in words: who leads, and which differences a test supports."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mime_fast.evaluation.comparison.compare import LEVEL, Comparison
from mime_fast.evaluation.comparison.figures import DESCRIPTIONS
from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.page.markup import Html, Part, join, listed, paragraph, tag
from mime_fast.evaluation.page.material import Material

# What is better, by figure; where neither is (the length of a reply), a figure is not judged.
LOWER = frozenset({"perplexity_example_mean", "seeds_self_bleu"})
HIGHER = frozenset(
    {
        *("emotion_accuracy", "emotion_accuracy_top5", "polarity_accuracy", "bleu", "distinct_1"),
        *("distinct_2", "polarity_agreement", "polarity_discrimination", "relevance"),
        "seeds_distinct_replies",
    }
)
CALLED = {
    "perplexity_example_mean": "perplexity",
    "emotion_accuracy": "emotion accuracy",
    "emotion_accuracy_top5": "emotion accuracy among the likeliest five",
    "polarity_accuracy": "polarity of the recognised emotion",
    "bleu": "BLEU",
    "distinct_1": "different words (Dist-1)",
    "distinct_2": "different pairs of words (Dist-2)",
    "polarity_agreement": "agreement of the reply's sentiment with the label",
    "polarity_discrimination": "telling positive from negative contexts by the reply's sentiment",
    "relevance": "relevance to the last turn",
    "seeds_distinct_replies": "different replies to a context under several seeds",
    "seeds_self_bleu": "likeness of such replies (self-BLEU, lower is more varied)",
}


def part(material: Material) -> Part:
    """The summary."""
    count = len(material.examples)
    opening = paragraph(
        f"{len(material.systems)} system{'s' if len(material.systems) > 1 else ''}, "
        f"{count:,} examples. The highest or lowest value below is that of this sample: "
        "only what is called significant is supported by a test."
    )
    parts: list[Html] = [opening, *_decodings(material)]
    if len(material.systems) > 1:
        lines = [leader(name, material.systems) for name in CALLED]
        parts.append(listed(line for line in lines if line is not None))
        parts += [tag("h3", f"Beside {material.baseline}, the baseline"), _tested(material)]
    else:
        parts.append(paragraph("There is nothing to compare it with: give more systems."))
    return Part("summary", "Summary", join(parts))


def _decodings(material: Material) -> list[Html]:
    """A line that says whose replies were found in another way; none if all were in one."""
    systems: dict[str, list[str]] = {}
    for each in material.systems:
        systems.setdefault(each.decoding, []).append(each.outputs.system)
    if len(systems) < 2:
        return []
    ways = "; ".join(f"{decoding}: {', '.join(names)}" for decoding, names in systems.items())
    return [
        paragraph(f"Replies were not all decoded in one way, and some differ for that: {ways}.")
    ]


def leader(name: str, systems: Sequence[Measured]) -> str | None:
    """Who has the best value of a figure; None: less than two systems have it."""
    values = [
        (measured.figures[name].value, measured.outputs.system)
        for measured in systems
        if name in measured.figures
    ]
    if len(values) < 2:
        return None
    choose, word = (min, "lowest") if name in LOWER else (max, "highest")
    best = choose(value for value, _ in values)
    names = " and ".join(system for value, system in values if value == best)
    written = format(best, DESCRIPTIONS[name].format)
    without = len(systems) - len(values)
    of = f"{len(values)} systems give it" if without else f"of {len(values)}"
    return f"{CALLED[name]}: the {word} is {written}, by {names} ({of})."


def verdicts(system: str, tests: Sequence[Comparison]) -> dict[str, list[str]]:
    """What a system does better, worse and not shown to do otherwise than the baseline."""
    found: dict[str, list[str]] = {"better": [], "worse": [], "unclear": []}
    for test in tests:
        if test.system == system and test.figure in CALLED:
            better = (test.difference.value > 0) == (test.figure in HIGHER)
            clear = test.is_significant and not math.isnan(test.difference.value)
            kind = ("better" if better else "worse") if clear else "unclear"
            found[kind].append(CALLED[test.figure])
    return found


def _tested(material: Material) -> Html:
    names = [each.outputs.system for each in material.systems]
    others = (name for name in names if name != material.baseline)
    lines = [_line(name, verdicts(name, material.tests)) for name in others]
    note = paragraph(
        f"Significant: p below {LEVEL} after Holm's correction for the number of systems that are "
        "compared by a figure. It is not corrected for the number of figures. That no difference "
        "is shown does not mean that there is none. And a test is about other conversations, not "
        "about another training: one system trained twice may differ significantly from itself."
    )
    return join([listed(lines), note])


def _line(name: str, found: dict[str, list[str]]) -> str:
    if not any(found.values()):
        return f"{name}: no figure that is tested is known of both."
    parts = [
        f"significantly {kind} in {', '.join(found[kind])}"
        for kind in ("better", "worse")
        if found[kind]
    ]
    if found["unclear"]:
        parts.append(f"no difference is shown in {', '.join(found['unclear'])}")
    return f"{name}: {'; '.join(parts)}."
