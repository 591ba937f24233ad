"""`mime-fast evaluate`: systems beside each other, every figure named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mime_fast import checkpoint as checkpoints
from mime_fast.evaluation.compare import (
    Comparison,
    compare,
    find_baseline,
    load_systems,
    references,
)
from mime_fast.evaluation.draw import draw
from mime_fast.evaluation.gold import Gold
from mime_fast.evaluation.measure import Measured, measure
from mime_fast.evaluation.outputs import Outputs, write_outputs
from mime_fast.evaluation.report import as_json, show
from mime_fast.text.examples import Example, find_examples, load_examples


@dataclass(frozen=True)
class Options:
    """What to compare by, and what to show and to keep of it."""

    baseline: str | None = None  # of the paired tests; None: the first system
    decoding: str = "greedy"
    save: Path | None = None  # folder for the outputs of checkpoints
    people: bool = False  # the references as a system
    samples: int = 0
    as_json: bool = False


@dataclass(frozen=True)
class Compared:
    """The systems beside each other: what is printed, or shown on a page."""

    examples: list[Example]
    gold: Gold
    systems: list[Measured]
    tests: list[Comparison]
    baseline: str


def evaluate(systems: Sequence[Path], data: Path, options: Options) -> None:
    """Compare checkpoint directories and files of outputs (none: the bundled checkpoint).

    data: JSON lines, or a folder with test_examples.jsonl or test.jsonl.
    """
    found = compare_systems(systems, data, options)
    samples = draw(0, options.samples, range(len(found.examples)))
    if options.as_json:
        print(as_json(found.systems, found.tests, found.baseline, samples))
    else:
        show(found.systems, found.tests, found.baseline, found.examples, samples)


def compare_systems(systems: Sequence[Path], data: Path, options: Options) -> Compared:
    """Measure the systems and test them against the baseline; see evaluate."""
    systems = systems or [checkpoints.DEFAULT]
    if any(path.is_dir() for path in systems):
        from mime_fast.evaluation.answer import answer  # noqa: PLC0415 - files need no torch
    examples = load_examples(find_examples(data))

    def answer_and_save(folder: Path) -> Outputs:
        outputs = answer(folder, examples)
        if options.save is not None:
            write_outputs(outputs, examples, options.save / f"{outputs.system}.jsonl")
        return outputs

    found = load_systems(systems, examples, answer_and_save)
    baseline = find_baseline(found, options.baseline)
    for outputs in found:
        outputs.decoding(options.decoding)  # all are checked before the first is measured
    gold = Gold(examples)
    people = [references(gold)] if options.people else []
    measured = [measure(outputs, gold, options.decoding) for outputs in [*found, *people]]
    place = found.index(baseline)
    tests = compare(measured[place], [m for i, m in enumerate(measured) if i != place], gold)
    return Compared(examples, gold, measured, tests, baseline.system)
