"""What the votes say: mean ratings with intervals, A/B after the verdict rule, agreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import krippendorff
import numpy as np

from mime_fast.emotions import polarity
from mime_fast.evaluation.human.plan import Item, Pair, Plan
from mime_fast.evaluation.human.verdict import (
    ANNOTATORS,
    Choice,
    Scores,
    Vote,
    counted,
    missing,
    verdict,
)
from mime_fast.evaluation.human.votes import by_item

GROUPS = ("all", "positive", "negative")  # contexts, by the speaker's emotion, as in Table 4
CHOICES: tuple[Choice, ...] = get_args(Choice)
RESAMPLES = 10_000  # of contexts; between seeds an end of an interval varies by 0.004
CONFIDENCE = 95  # per cent


@dataclass(frozen=True)
class Mean:
    """Over contexts, of the mean over annotators, with a bootstrap 95% interval."""

    mean: float | None  # None: no vote
    low: float | None
    high: float | None
    contexts: int


@dataclass(frozen=True)
class PairResult:
    """Verdicts on one pair, as the first system sees them. Shares are per cent of the decided."""

    first: str
    second: str
    wins: float | None
    losses: float | None
    ties: float | None
    decided: int
    disputed: int  # three different verdicts, the fourth is missing
    unfinished: int  # fewer than three votes


@dataclass(frozen=True)
class Annotator:
    """What one person answered; a changed answer is one answer."""

    ratings: int
    comparisons: int
    changed: int
    surplus: int  # answers that do not count: the item had enough before


@dataclass(frozen=True)
class Results:
    """All figures of an evaluation."""

    contexts: int
    rated: int  # replies with three ratings
    to_rate: int
    ratings: dict[str, dict[str, dict[str, Mean]]]  # system -> scale -> group
    comparisons: list[PairResult]
    agreement: dict[str, float | None]  # Krippendorff's alpha of each scale, and of A/B
    annotators: dict[str, Annotator]


def compute_results(plan: Plan, votes: Sequence[Vote]) -> Results:
    """Count votes, each an annotator's latest, in the order of their first ones."""
    items = by_item(votes)
    ratings = plan.ratings()
    return Results(
        contexts=len(plan.contexts),
        rated=sum(not missing(items[item]) for item in ratings),
        to_rate=len(ratings),
        ratings={
            system: {
                scale: {group: _mean(plan, items, system, index, group) for group in GROUPS}
                for index, scale in enumerate(Scores._fields)
            }
            for system in plan.texts
        },
        comparisons=[_pair_result(plan, items, pair) for pair in plan.pairs],
        agreement=_agreement(plan, items),
        annotators=_annotators(votes, items),
    )


def _mean(
    plan: Plan, items: Mapping[Item, Sequence[Vote]], system: str, scale: int, group: str
) -> Mean:
    means = []
    for context in plan.contexts:
        votes = counted(items[Item(context, (system,))])
        if votes and group in ("all", polarity(plan.examples[context].emotion)):
            means.append(np.mean([_value(vote, scale) for vote in votes]))
    if not means:
        return Mean(None, None, None, 0)
    drawn = np.random.default_rng(0).choice(means, (RESAMPLES, len(means))).mean(axis=1)
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Mean(float(np.mean(means)), float(low), float(high), len(means))


def _pair_result(plan: Plan, items: Mapping[Item, Sequence[Vote]], pair: Pair) -> PairResult:
    voted = [items[Item(context, pair)] for context in plan.contexts]
    verdicts = Counter(verdict([_choice(vote) for vote in votes]) for votes in voted)
    undecided = verdicts.pop(None, 0)
    disputed = sum(len(votes) == ANNOTATORS and missing(votes) > 0 for votes in voted)
    decided = verdicts.total()
    first, second, tie = (
        100 * verdicts[choice] / decided if decided else None for choice in CHOICES
    )
    return PairResult(
        first=pair[0],
        second=pair[1],
        wins=first,
        losses=second,
        ties=tie,
        decided=decided,
        disputed=disputed,
        unfinished=undecided - disputed,
    )


def _agreement(plan: Plan, items: Mapping[Item, Sequence[Vote]]) -> dict[str, float | None]:
    ratings = [items[item] for item in plan.ratings()]
    found = {scale: _alpha(ratings, index, "ordinal") for index, scale in enumerate(Scores._fields)}
    return {**found, "choice": _alpha([items[item] for item in plan.comparisons()], 0, "nominal")}


def _alpha(
    voted: Sequence[Sequence[Vote]], scale: int, level: Literal["ordinal", "nominal"]
) -> float | None:
    """Krippendorff's alpha of each item's first votes; None where all are alike, or too few.

    A deciding fourth vote is left out: disputed items would count more than others.
    """
    units = [votes[:ANNOTATORS] for votes in voted if len(votes) > 1]
    names = sorted({vote.annotator for votes in units for vote in votes})
    table = np.full((len(names), len(units)), np.nan)  # (annotators, items)
    for column, votes in enumerate(units):
        for vote in votes:
            table[names.index(vote.annotator), column] = _value(vote, scale)
    if len(np.unique(table[~np.isnan(table)])) < 2:
        return None
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement=level))


def _annotators(
    votes: Sequence[Vote], items: Mapping[Item, Sequence[Vote]]
) -> dict[str, Annotator]:
    count = {vote for given in items.values() for vote in counted(given)}
    found = {}
    for name in sorted({vote.annotator for vote in votes}):
        own = [vote for vote in votes if vote.annotator == name]
        compared = sum(vote.item.is_pair for vote in own)
        changed = sum(vote.revision > 0 for vote in own)
        surplus = sum(vote not in count for vote in own)
        found[name] = Annotator(len(own) - compared, compared, changed, surplus)
    return found


def _value(vote: Vote, scale: int) -> int:
    """A vote as a number: the score on that scale, or the place of the choice."""
    if isinstance(vote.answer, Scores):
        return vote.answer[scale]
    return CHOICES.index(vote.answer)


def _choice(vote: Vote) -> Choice:
    return CHOICES[_value(vote, 0)]
