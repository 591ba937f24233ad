"""Any number of systems beside each other: their figures, and paired tests against a baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mime_fast import checkpoint as checkpoints
from mime_fast.evaluation.bootstrap import Array, Figure
from mime_fast.evaluation.figures import DESCRIPTIONS
from mime_fast.evaluation.gold import Gold
from mime_fast.evaluation.measure import Measured
from mime_fast.evaluation.outputs import Outputs, read_outputs
from mime_fast.evaluation.significance import holm, mcnemar, paired_bleu, paired_t
from mime_fast.text.examples import Example

Test = tuple[Callable[[Array, Array], float], str]
T_TEST: Test = (paired_t, "paired t-test")
MCNEMAR: Test = (mcnemar, "exact McNemar test")
BLEU_TEST = "approximate randomisation (sacrebleu)"
# Each tests what its figure is a mean of: of the perplexity, the mean cost of a token.
TESTS = {
    "perplexity_example_mean": T_TEST,
    "emotion_accuracy": MCNEMAR,
    "emotion_accuracy_top5": MCNEMAR,
    "polarity_accuracy": MCNEMAR,
    "length": T_TEST,
    "polarity_agreement": MCNEMAR,
    "polarity_agreement_positive": MCNEMAR,
    "polarity_agreement_negative": MCNEMAR,
    "turn_polarity_agreement": MCNEMAR,
    "relevance": T_TEST,
}


@dataclass(frozen=True)
class Comparison:
    """One figure of a system beside the baseline's."""

    figure: str
    system: str
    difference: Figure  # the system's less the baseline's, over paired resamples
    p_value: float
    p_holm: float  # adjusted for the number of systems compared by this figure
    test: str


def load_systems(
    systems: Sequence[Path], examples: Sequence[Example], answer: Callable[[Path], Outputs]
) -> list[Outputs]:
    """The outputs of checkpoint directories, which `answer` makes, and of files.

    All are checked before the first one answers, which takes minutes.

    Raises:
        ValueError: two of a name, or what answer and read_outputs refuse.
        FileNotFoundError: there is neither a directory nor a file.
    """
    if missing := [str(path) for path in systems if not path.exists()]:
        raise FileNotFoundError(
            f"no checkpoint directory and no outputs file at {', '.join(missing)}"
        )
    files = {path: read_outputs(path, examples) for path in systems if path.is_file()}
    names = [outputs.system for path in systems for outputs in files.get(path, ())]
    for folder in (path for path in systems if path not in files):
        checkpoints.load(folder)
        names.append(folder.resolve().name)
    if double := {name for name in names if names.count(name) > 1}:
        raise ValueError(
            f"several systems are called {', '.join(sorted(double))}: name each once, and rename "
            "the folder of a checkpoint (or the system in the first line of an outputs file)"
        )
    found: list[Outputs] = []
    for path in systems:
        found += files[path] if path in files else [answer(path)]
    return found


def find_baseline(systems: Sequence[Outputs], name: str | None) -> Outputs:
    """The system of that name; None: the first. ValueError lists the names."""
    if name is None:
        return systems[0]
    for outputs in systems:
        if outputs.system == name:
            return outputs
    known = ", ".join(outputs.system for outputs in systems)
    raise ValueError(f"no system is called {name!r}; --baseline must be one of: {known}")


def references(gold: Gold) -> Outputs:
    """The replies of people, as if a system had given them: the other end of the scale."""
    return Outputs("references", {"people": gold.references})


def compare(baseline: Measured, others: Sequence[Measured], gold: Gold) -> list[Comparison]:
    """Paired tests of every figure that has one, in the order of DESCRIPTIONS."""
    found: list[Comparison] = []
    for figure in DESCRIPTIONS:
        rivals = [other for other in others if figure in other.statistics]
        if rivals and figure in baseline.statistics and (figure == "bleu" or figure in TESTS):
            found += _compare(figure, baseline, rivals, gold)
    return found


def _compare(
    figure: str, baseline: Measured, rivals: Sequence[Measured], gold: Gold
) -> list[Comparison]:
    if figure == "bleu":
        replies = [rival.replies for rival in rivals]
        p_values, name = paired_bleu(baseline.replies, replies, gold.references), BLEU_TEST
    else:
        (test, name), theirs = TESTS[figure], baseline.paired[figure]
        p_values = [test(rival.paired[figure], theirs) for rival in rivals]
    return [
        Comparison(
            figure,
            rival.outputs.system,
            gold.bootstrap.difference(rival.statistics[figure], baseline.statistics[figure]),
            p_value,
            adjusted,
            name,
        )
        for rival, p_value, adjusted in zip(rivals, p_values, holm(p_values), strict=True)
    ]
