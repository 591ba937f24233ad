"""Any number of systems beside each other: their figures, and paired tests against a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mime_fast import checkpoint as checkpoints
from mime_fast.evaluation.comparison.figures import DESCRIPTIONS
from mime_fast.evaluation.comparison.gold import Gold
from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.metrics.bleu import AUTHORS, corpus_bleu
from mime_fast.evaluation.metrics.bootstrap import Figure
from mime_fast.evaluation.metrics.polarity import discrimination
from mime_fast.evaluation.metrics.significance import holm, paired_t, randomised
from mime_fast.evaluation.outputs.files import checkpoint_name, read_outputs
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.text.examples import Example

# Figures that are a mean over examples, of the perplexity that of a token's cost, ...
MEANS = frozenset(
    {
        *("perplexity_example_mean", "emotion_accuracy", "emotion_accuracy_top5"),
        *("polarity_accuracy", "length", "polarity_agreement", "polarity_agreement_positive"),
        *("polarity_agreement_negative", "turn_polarity_agreement", "relevance"),
        "right_context",
        *("seeds_distinct_replies", "seeds_self_bleu"),
    }
)
# ... and that are none.
WHOLES = frozenset({"bleu", "polarity_discrimination"})
LEVEL = 0.05
PEOPLE = "references"
T_TEST, RANDOMISATION = "paired t-test", "approximate randomisation"


@dataclass(frozen=True)
class Comparison:
    """One figure of a system beside the baseline's."""

    figure: str
    system: str
    difference: Figure  # the system's less the baseline's, over paired resamples
    p_value: float
    p_holm: float  # adjusted for the number of systems compared by this figure
    test: str
    replies: str  # of which decoding, or of which two

    @property
    def is_significant(self) -> bool:
        """Whether chance alone would seldom show such a difference."""
        return self.p_holm < LEVEL


def read_systems(systems: Sequence[Path], examples: Sequence[Example]) -> list[Outputs | Path]:
    """What files of outputs hold, and the checkpoint directories as they are, but checked.

    Raises:
        ValueError: two systems of a name, or what checkpoint.load and read_outputs refuse.
        FileNotFoundError: there is neither a directory nor a file.
    """
    if missing := [str(path) for path in systems if not path.exists()]:
        raise FileNotFoundError(
            f"no checkpoint directory and no outputs file at {', '.join(missing)}"
        )
    found: list[Outputs | Path] = []
    for path in systems:
        if path.is_file():
            found += read_outputs(path, examples)
        else:
            _ = checkpoints.load(path).tensors  # all are read, and checked
            found.append(path)
    names = [system_name(system) for system in found]
    if double := {name for name in names if names.count(name) > 1}:
        raise ValueError(
            f"several systems are called {', '.join(sorted(double))}: name each once, and rename "
            "the folder of a checkpoint (or the system in the first line of an outputs file)"
        )
    return found


def system_name(system: Outputs | Path) -> str:
    """What a system is called."""
    return checkpoint_name(system) if isinstance(system, Path) else system.system


def find_baseline(names: Sequence[str], name: str | None) -> int:
    """The place of the system of that name; None: the first. ValueError lists the names."""
    if name is None:
        return 0
    if name not in names:
        raise ValueError(
            f"no system is called {name!r}; --baseline must be one of: {', '.join(names)}"
        )
    return names.index(name)


def references(gold: Gold) -> Outputs:
    """The replies of people, as if a system had given them: the other end of the scale."""
    return Outputs(PEOPLE, {"people": gold.references})


def compare(baseline: Measured, others: Sequence[Measured], gold: Gold) -> list[Comparison]:
    """Paired tests of every figure that has one, in the order of DESCRIPTIONS."""
    found: list[Comparison] = []
    for figure in DESCRIPTIONS:
        if figure not in MEANS | WHOLES or figure not in baseline.statistics:
            continue
        if rivals := [other for other in others if _comparable(figure, other, baseline)]:
            found += _compare(figure, baseline, rivals, gold)
    return found


def _comparable(figure: str, other: Measured, baseline: Measured) -> bool:
    """Whether it has it too; figures of seeds depend on how many seeds and contexts there are."""
    if figure not in other.statistics:
        return False
    if not figure.startswith("seeds_") or _design(other) == _design(baseline):
        return True
    other.absent["test of seeds"] = "not as many seeds and contexts as the baseline"
    return False


def _design(measured: Measured) -> list[int]:
    return [len(replies) for replies in (measured.outputs.seeds or {}).values()]


def _compare(
    figure: str, baseline: Measured, rivals: Sequence[Measured], gold: Gold
) -> list[Comparison]:
    p_values = [_p_value(figure, rival, baseline, gold) for rival in rivals]
    return [
        Comparison(
            figure=figure,
            system=rival.outputs.system,
            difference=gold.bootstrap.difference(
                rival.statistics[figure], baseline.statistics[figure]
            ),
            p_value=p_value,
            p_holm=adjusted,
            test=T_TEST if figure in MEANS else RANDOMISATION,
            replies=" less ".join(dict.fromkeys([rival.decoding, baseline.decoding])),
        )
        for rival, p_value, adjusted in zip(rivals, p_values, holm(p_values), strict=True)
    ]


def _p_value(figure: str, ours: Measured, theirs: Measured, gold: Gold) -> float:
    if figure in MEANS:
        return paired_t(ours.paired[figure], theirs.paired[figure], gold.conversations)
    if figure == "bleu":
        both = corpus_bleu(AUTHORS, [*ours.replies, *theirs.replies], gold.references * 2)
    else:
        scores = np.concatenate([ours.sentiments, theirs.sentiments])
        both = discrimination(scores, np.tile(gold.positive, 2))
    return randomised(both, gold.conversations)
