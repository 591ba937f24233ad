"""The tables: figures with intervals, paired tests, and what others published."""

from __future__ import annotations

from collections.abc import Sequence

from mime_fast.evaluation.comparison.compare import LEVEL, Comparison
from mime_fast.evaluation.comparison.figures import DESCRIPTIONS
from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.comparison.printed import ABSENT, p_value
from mime_fast.evaluation.metrics.bootstrap import RESAMPLES, Figure
from mime_fast.evaluation.page import quoted
from mime_fast.evaluation.page.markup import (
    Html,
    Part,
    absent,
    folded,
    join,
    paragraph,
    table,
    tag,
    terms,
)
from mime_fast.evaluation.page.material import Material

GROUPS = {
    "Likelihood": (
        *("parameters", "perplexity_example_mean", "perplexity_token_mean"),
        *("perplexity_predicted_polarity", "perplexity_sampled_emotions", "unknown_types"),
    ),
    "Overlap with the references": (
        *("bleu", "bleu_13a", "bleu_greedy", "bleu_beam", "bleu_topk", "bleu_mbr", "bleu_best_of"),
        *("bleu_13a_greedy", "bleu_13a_beam", "bleu_13a_topk", "bleu_13a_mbr"),
        "bleu_13a_best_of",
    ),
    "Variety": (
        *("distinct_1", "distinct_2", "distinct_replies", "most_frequent_reply", "length"),
    ),
    "Sentiment and relevance": (
        *("polarity_agreement", "polarity_agreement_positive", "polarity_agreement_negative"),
        *("polarity_discrimination", "turn_polarity_agreement", "relevance"),
        "right_context",
    ),
}
RECOGNITION = (
    *("emotion_accuracy", "emotion_accuracy_top5", "emotion_macro_f1", "polarity_accuracy"),
    *("emotion_silhouette", "emotion_silhouette_p"),
)
SEEDS = ("seeds_distinct_replies", "seeds_self_bleu", "seeds_distinct_2")


def cell(figure: Figure | None, form: str) -> object:
    """A value, and its interval below it."""
    if figure is None:
        return ABSENT
    value = format(figure.value, form)
    if figure.low is None or figure.high is None:
        return value
    return join([value, tag("small", f"{figure.low:{form}} to {figure.high:{form}}")])


def readable(name: str) -> str:
    """The name of a figure as a heading."""
    return name.replace("_", " ").replace("bleu", "BLEU")


def figure_table(title: str, names: Sequence[str], systems: Sequence[Measured]) -> Html:
    """One row a system; figures that no system has are left out. What each is stands below."""
    known = [name for name in names if any(name in each.figures for each in systems)]
    if not known:
        return absent(f"no system gives figures of {title.lower()}.")
    rows = [
        (
            each.outputs.system,
            each.decoding,
            *(cell(each.figures.get(name), DESCRIPTIONS[name].format) for name in known),
        )
        for each in systems
    ]
    meanings = terms((readable(name), DESCRIPTIONS[name].text) for name in known)
    shown = table(title, ["", "decoding", *map(readable, known)], rows)
    return join([shown, folded("What each figure is", meanings)])


def figures_part(material: Material) -> Part:
    """Everything that was computed here."""
    intervals = paragraph(
        f"Below each value: its 95% interval, from {RESAMPLES:,} resamples of the conversations, "
        "the same ones for all. Perplexities count a word outside the vocabulary by the number of "
        "such words, so that vocabularies of different size can be compared."
    )
    tables = [figure_table(title, names, material.systems) for title, names in GROUPS.items()]
    missing: dict[tuple[str, str], list[str]] = {}
    for each in material.systems:
        for what, why in each.absent.items():
            missing.setdefault((readable(what), why), []).append(each.outputs.system)
    reasons = [
        absent(f"{what} of {', '.join(names)} ({why}).") for (what, why), names in missing.items()
    ]
    return Part("figures", "Computed here", join([intervals, *tables, *reasons]))


def quoted_part(_: Material) -> Part:
    """Published figures, apart from those above."""
    note = paragraph(
        "Copied from publications, not computed here: other vocabularies, other tokenisation, "
        "other searches. Compare a column within one table only. Ratings by people have no "
        "counterpart on this page."
    )
    tables = [
        tag(
            "div",
            table(f"{each.title} (quoted)", each.head, each.rows),
            tag("small", f"Source: {each.source}.", class_="source"),
            class_="quoted",
        )
        for each in quoted.TABLES
    ]
    body = join([note, tag("div", *tables, class_="panels")])
    return Part("quoted", "Quoted from publications", body)


def tests_part(material: Material) -> Part:
    """Each system beside the baseline, by every figure that has a test."""
    title = "Paired tests"
    if not material.tests:
        return Part("tests", title, absent("they need a second system beside the baseline."))
    found = {(test.figure, test.system): test for test in material.tests}
    systems = list(dict.fromkeys(test.system for test in material.tests))
    kinds = {test.figure: test.test for test in material.tests}
    rows = [
        (
            join([readable(figure), tag("small", kind)]),
            *(beside(found.get((figure, system))) for system in systems),
        )
        for figure, kind in kinds.items()
    ]
    less = f"less {material.baseline}"
    note = paragraph(
        f"The difference is the system's value less that of {material.baseline} over the same "
        "examples, with its 95% interval; of shares in points. p after Holm's correction for the "
        f"number of systems compared by a figure; where it is below {LEVEL} the difference is bold."
    )
    shown = table(f"{title}, {less}", ["", *systems], rows)
    return Part("tests", title, join([note, shown]))


def beside(test: Comparison | None) -> object:
    """A difference with its interval and p; bold if it is significant."""
    if test is None:
        return ABSENT
    difference = cell(test.difference, f"+{DESCRIPTIONS[test.figure].format}")
    shown = tag("b", difference) if test.is_significant else difference
    return join([shown, tag("small", f"p {p_value(test.p_holm)}")])
