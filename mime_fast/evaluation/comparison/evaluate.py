"""`mime-fast evaluate`: systems beside each other, every figure named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mime_fast.bundled import folder_of
from mime_fast.config import require
from mime_fast.evaluation.comparison.compare import (
    PEOPLE,
    Comparison,
    compare,
    find_baseline,
    read_systems,
    references,
    system_name,
)
from mime_fast.evaluation.comparison.draw import draw
from mime_fast.evaluation.comparison.gold import Gold
from mime_fast.evaluation.comparison.measure import Measured, measure
from mime_fast.evaluation.comparison.options import ComparisonOptions, EvaluateOptions
from mime_fast.evaluation.comparison.printed import as_json, show
from mime_fast.evaluation.outputs.files import check_outputs_target, write_outputs
from mime_fast.evaluation.outputs.outputs import (
    DECODINGS,
    Outputs,
    decodings_of,
    find_decoding,
    preferred_decodings,
)
from mime_fast.files import check_folder
from mime_fast.text.examples import Example, find_examples, load_examples

if TYPE_CHECKING:
    from mime_fast.evaluation.metrics.right_context import Judge


@dataclass(frozen=True)
class Gathered:
    """What will be compared, checked: checkpoint directories take minutes to answer."""

    examples: list[Example]
    systems: list[Outputs | Path]
    judge: Judge | None

    @property
    def names(self) -> list[str]:
        """Names of the systems, in their order."""
        return [system_name(system) for system in self.systems]


@dataclass(frozen=True)
class Compared:
    """The systems beside each other: what is printed, or shown on a page."""

    examples: list[Example]
    gold: Gold
    systems: list[Measured]
    tests: list[Comparison]
    baseline: str


def evaluate(systems: Sequence[Path], data: Path, options: EvaluateOptions) -> None:
    """Compare checkpoint directories and files of outputs (none: the bundled checkpoint).

    data: JSON lines, or a folder with test_examples.jsonl or test.jsonl.
    """
    found = compare_systems(gather(systems, data, options), options)
    samples = draw(0, options.samples, range(len(found.examples)))
    if options.as_json:
        print(as_json(found.systems, found.tests, found.baseline, samples))
    else:
        show(found.systems, found.tests, found.baseline, found.examples, samples)


def gather(systems: Sequence[Path], data: Path, options: ComparisonOptions) -> Gathered:
    """Find the systems and the examples; whatever does not fit is refused here. See evaluate."""
    systems = [folder_of(system) for system in systems] or [folder_of(None)]
    _check_save(systems, options.save)
    if any(path.is_dir() for path in systems):  # what this needs is missed at once, or not at all
        import mime_fast.evaluation.outputs.answer  # noqa: F401, PLC0415 - files need no torch
    examples = load_examples(find_examples(data))
    found = read_systems(systems, examples)
    gathered = Gathered(examples, found, _judge(options.judge))
    if options.people and PEOPLE in gathered.names:
        raise ValueError(f"--people adds a system called {PEOPLE!r}: rename yours, or leave it out")
    find_baseline(gathered.names, options.baseline)
    _check_decoding(gathered, options.decoding)
    return gathered


def _judge(folder: Path | None) -> Judge | None:
    if folder is None:
        return None
    from mime_fast.evaluation.metrics.right_context import Judge  # noqa: PLC0415 - it needs torch

    return Judge(folder)


def _check_save(systems: Sequence[Path], save: Path | None) -> None:
    """Check where the outputs of checkpoints will be kept."""
    if save is None:
        return
    made = [system for system in systems if system.is_dir()]
    require(bool(made), f"--save {save} keeps what checkpoints answer; give one, or leave it")
    check_folder(save)
    for system in made:
        check_outputs_target(_saved(save, system_name(system)))


def _saved(save: Path, system: str) -> Path:
    return save / f"{system}.jsonl"


def _check_decoding(gathered: Gathered, preferred: str) -> None:
    held = [
        list(system.replies) if isinstance(system, Outputs) else decodings_of(system)
        for system in gathered.systems
    ]
    known = list(dict.fromkeys([*DECODINGS, *(name for names in held for name in names)]))
    for name in preferred_decodings(preferred):
        if name not in known:
            raise ValueError(f"--decoding must name some of {', '.join(known)}, got {name!r}")
    for system, names in zip(gathered.names, held, strict=True):
        find_decoding(system, names, preferred)


def compare_systems(
    gathered: Gathered, options: ComparisonOptions, *, every_decoding: bool = False
) -> Compared:
    """Answer, measure, and test against the baseline.

    every_decoding: a checkpoint answers in all its decodings even if nothing is saved.
    """
    examples = gathered.examples
    every = every_decoding or options.save is not None
    decoding = None if every else options.decoding
    found = [
        system if isinstance(system, Outputs) else _answer(system, examples, decoding, options.save)
        for system in gathered.systems
    ]
    gold = Gold(examples, gathered.judge)
    people = [references(gold)] if options.people else []
    measured = [measure(outputs, gold, options.decoding) for outputs in [*found, *people]]
    place = find_baseline(gathered.names, options.baseline)
    tests = compare(measured[place], [m for i, m in enumerate(measured) if i != place], gold)
    return Compared(examples, gold, measured, tests, gathered.names[place])


def _answer(
    folder: Path, examples: Sequence[Example], decoding: str | None, save: Path | None
) -> Outputs:
    """What a checkpoint answers, in the preferred decoding or, if none is given, in all."""
    from mime_fast.evaluation.outputs.answer import answer  # noqa: PLC0415 - as above

    known = decodings_of(folder)
    chosen = known if decoding is None else (find_decoding(system_name(folder), known, decoding),)
    outputs = answer(folder, examples, chosen)
    if save is not None:
        write_outputs(outputs, examples, _saved(save, outputs.system))
    return outputs
