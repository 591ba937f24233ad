"""All figures of one system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mime_fast.emotions import emotion_id
from mime_fast.evaluation.comparison.gold import Gold
from mime_fast.evaluation.metrics import bootstrap, diversity, emotions, polarity
from mime_fast.evaluation.metrics.bleu import CONVENTIONS, corpus_bleu
from mime_fast.evaluation.metrics.bootstrap import Array, Figure, Statistic
from mime_fast.evaluation.metrics.relevance import relevance
from mime_fast.evaluation.metrics.separation import embedding_table, separation
from mime_fast.evaluation.metrics.variety import distinct, distinct_replies, lengths, most_frequent
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.evaluation.outputs.records import FIGURES
from mime_fast.text.detokenizer import natural_text


@dataclass
class Measured:
    """The figures of one system; one that its outputs do not give is not there."""

    outputs: Outputs
    decoding: str
    figures: dict[str, Figure] = field(default_factory=dict)
    statistics: dict[str, Statistic] = field(default_factory=dict)  # of figures with intervals
    paired: dict[str, Array] = field(default_factory=dict)  # what paired tests compare (examples,)
    sentiments: Array = field(default_factory=lambda: np.zeros(0))  # of the replies (examples,)
    details: dict[str, Any] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)  # what is not there, and why

    @property
    def replies(self) -> list[str]:
        """The replies of the decoding, words joined by blanks."""
        return self.outputs.replies[self.decoding]


def measure(outputs: Outputs, gold: Gold, decoding: str) -> Measured:
    """Every figure that the outputs give; `decoding`: whose replies (see Outputs.decoding)."""
    found = Measured(outputs, outputs.decoding(decoding))
    _likelihood(found)
    _recognition(found, gold)
    _separation(found)
    _overlap(found, gold)
    _variety(found)
    texts = [natural_text(reply) for reply in found.replies]
    _polarity(found, gold, texts)
    _relevance(found, gold, texts)
    _right_context(found, gold, texts)
    _seeds(found, len(gold))
    # The same statistic may have two names, as BLEU has: it is resampled once.
    resampled = {each: gold.bootstrap.figure(each) for each in set(found.statistics.values())}
    found.figures |= {name: resampled[each] for name, each in found.statistics.items()}
    known = [name for name in FIGURES if name in outputs.facts]
    found.figures |= {name: Figure(outputs.facts[name]) for name in known}
    return found


def _add_mean(found: Measured, name: str, values: Array) -> None:
    found.statistics[name], found.paired[name] = bootstrap.mean(values), values


def _likelihood(found: Measured) -> None:
    if found.outputs.costs is None or found.outputs.tokens is None:
        found.absent["perplexity"] = "the file holds no costs"
        return
    costs, tokens = np.array(found.outputs.costs), np.array(found.outputs.tokens, np.float64)
    name = "perplexity_example_mean"
    found.paired[name] = costs / tokens
    found.statistics[name] = bootstrap.exp(bootstrap.mean(costs / tokens))
    found.statistics["perplexity_token_mean"] = bootstrap.exp(bootstrap.ratio(costs, tokens))


def _recognition(found: Measured, gold: Gold) -> None:
    if found.outputs.emotions is None:
        found.absent["emotion_accuracy"] = "the file holds no recognised emotions"
        return
    ranked = [[emotion_id(name) for name in names] for names in found.outputs.emotions]
    predicted = np.array([likeliest[0] for likeliest in ranked])
    _add_mean(found, "emotion_accuracy", emotions.hits(gold.emotions, ranked, 1))
    if min(map(len, ranked)) >= 5:
        _add_mean(found, "emotion_accuracy_top5", emotions.hits(gold.emotions, ranked, 5))
    else:
        found.absent["emotion_accuracy_top5"] = "the file holds fewer than five emotions an example"
    found.statistics["emotion_macro_f1"] = emotions.macro_f1(gold.emotions, predicted)
    _add_mean(found, "polarity_accuracy", emotions.group_hits(gold.emotions, predicted))
    found.details["emotion_recall"] = emotions.recalls(gold.emotions, predicted)
    found.details["confusion"] = emotions.confusion(gold.emotions, predicted).tolist()


def _separation(found: Measured) -> None:
    if (table := embedding_table(found.outputs.facts)) is None:
        found.absent["emotion_silhouette"] = "the file holds no emotion embedding"
        return
    apart = separation(table)
    found.figures["emotion_silhouette"] = Figure(apart.silhouette)
    found.figures["emotion_silhouette_p"] = Figure(apart.p_value)


def _overlap(found: Measured, gold: Gold) -> None:
    for name, convention in CONVENTIONS.items():
        for decoding, replies in found.outputs.replies.items():
            statistic = corpus_bleu(convention, replies, gold.references)
            found.statistics[f"{name}_{decoding}"] = statistic
        found.statistics[name] = found.statistics[f"{name}_{found.decoding}"]
    found.details["signatures"] = {
        name: convention.signature for name, convention in CONVENTIONS.items()
    }


def _variety(found: Measured) -> None:
    replies = found.replies
    frequent = most_frequent(replies)
    found.figures["distinct_1"] = Figure(distinct(replies, 1))
    found.figures["distinct_2"] = Figure(distinct(replies, 2))
    found.figures["distinct_replies"] = Figure(distinct_replies(replies))
    found.figures["most_frequent_reply"] = Figure(frequent[0][1] / len(replies))
    _add_mean(found, "length", lengths(replies))
    found.details["frequent_replies"] = frequent


def _polarity(found: Measured, gold: Gold, texts: Sequence[str]) -> None:
    scores = found.sentiments = polarity.sentiments(texts)
    agrees = polarity.agreement(scores, gold.positive)
    _add_mean(found, "polarity_agreement", agrees)
    groups = {"positive": gold.positive, "negative": ~gold.positive}
    for name, members in groups.items():
        _add_mean(found, f"polarity_agreement_{name}", np.where(members, agrees, np.nan))
    found.statistics["polarity_discrimination"] = polarity.discrimination(scores, gold.positive)
    turns = polarity.turn_agreement(scores, gold.turn_sentiments)
    _add_mean(found, "turn_polarity_agreement", turns)


def _relevance(found: Measured, gold: Gold, texts: Sequence[str]) -> None:
    if gold.encoder is None:
        found.absent["relevance"] = gold.why_no_encoder
        return
    _add_mean(found, "relevance", relevance(gold.encoder, texts, gold.turns))


def _right_context(found: Measured, gold: Gold, texts: Sequence[str]) -> None:
    if gold.judge is None:
        found.absent["right_context"] = "give --judge, a folder that `mime-fast finetune` made"
        return
    from mime_fast.evaluation.metrics import right_context  # noqa: PLC0415 - it needs torch

    others = right_context.other_contexts(gold.positive, gold.conversations)
    values = right_context.right_context(gold.judge, texts, gold.contexts, others)
    _add_mean(found, "right_context", values)


def _seeds(found: Measured, examples: int) -> None:
    seeds = found.outputs.seeds
    if seeds is None or len(seeds) < 2:
        found.absent["seeds"] = "the file holds no replies under several seeds"
        return
    for name, values in (
        ("seeds_distinct_replies", diversity.distinct_shares(seeds)),
        ("seeds_self_bleu", diversity.self_bleu(seeds)),
    ):
        _add_mean(found, name, np.pad(values, (0, examples - len(values)), constant_values=np.nan))
    replies = [reply for of_seed in seeds.values() for reply in of_seed]
    found.figures["seeds_distinct_2"] = Figure(distinct(replies, 2))
