"""`mime-fast report`: systems are compared as by `evaluate`, and shown on a page."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mime_fast import checkpoint as checkpoints
from mime_fast.bundled import folder_of
from mime_fast.config import require
from mime_fast.evaluation.comparison.draw import draw
from mime_fast.evaluation.comparison.evaluate import (
    Compared,
    Gathered,
    compare_systems,
    gather,
)
from mime_fast.evaluation.comparison.options import ComparisonOptions
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.evaluation.page.material import Material
from mime_fast.evaluation.page.options import PageOptions
from mime_fast.evaluation.page.page import write_page
from mime_fast.evaluation.page.timings import Speed
from mime_fast.files import check_file

if TYPE_CHECKING:
    from mime_fast.evaluation.page.attention import Look

LOOKS = 3  # examples whose replies are looked into


def report(
    systems: Sequence[Path], data: Path, out: Path, options: ComparisonOptions, shown: PageOptions
) -> None:
    """Compare the systems (see evaluate) and write the page; prints where it is."""
    _check_out(out, [*systems, data, *([shown.latency] if shown.latency else [])])
    speed = Speed.load(shown.latency) if shown.latency else None
    gathered = gather(systems, data, options)
    weights = _weights(gathered, shown)
    found = compare_systems(gathered, options, every_decoding=True)
    material = Material(
        found.examples,
        found.gold,
        found.systems,
        found.tests,
        found.baseline,
        seed=shown.seed,
        shown=shown.examples,
        looks=_looks(weights, found, shown),
        speed=speed,
        command=shlex.join(["mime-fast", *sys.argv[1:]]),
    )
    write_page(material, out)
    print(f"wrote {out}")


def _check_out(out: Path, inputs: Sequence[Path]) -> None:
    there = os.path.exists(out)  # noqa: PTH110 - Path's raises for a name that is too long
    read = there and any(path.exists() and path.samefile(out) for path in inputs)
    require(not read, f"--out {out} is what the page is made of; name another file")
    check_file(out)


def _weights(gathered: Gathered, shown: PageOptions) -> dict[str, Path]:
    """Checkpoint directories by the name of their system: those that answer, and others' weights.

    Raises:
        ValueError: weights that made none of the outputs.
    """
    found = {
        name: system
        for name, system in zip(gathered.names, gathered.systems, strict=True)
        if isinstance(system, Path)
    }
    answered = [system for system in gathered.systems if isinstance(system, Outputs)]
    for folder in map(folder_of, shown.weights):
        digest = checkpoints.load(folder).digest
        made = [outputs.system for outputs in answered if outputs.facts.get("weights") == digest]
        require(
            bool(made),
            f"--weights {folder} made none of the outputs that are given "
            f"({', '.join(outputs.system for outputs in answered) or 'there are none'}); "
            "give the folder as a system",
        )
        found.update(dict.fromkeys(made, folder))
    return found


def _looks(
    weights: Mapping[str, Path], found: Compared, options: PageOptions
) -> dict[str, Sequence[Look]]:
    if not weights:
        return {}
    from mime_fast.evaluation.page.attention import look_inside  # noqa: PLC0415 - it needs torch

    indices = draw(options.seed, LOOKS, range(len(found.examples)), "inside")
    shown = {
        name: path
        for name, path in weights.items()
        if checkpoints.load(path).config.system.over_words  # subwords are too many to draw
    }
    return {name: look_inside(path, found.examples, indices) for name, path in shown.items()}
