"""`mime-fast report`: systems are compared as by `evaluate`, and shown on a page."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mime_fast import checkpoint as checkpoints
from mime_fast.config import require
from mime_fast.evaluation.draw import draw
from mime_fast.evaluation.evaluate import Compared, Options, compare_systems
from mime_fast.evaluation.page.embeddings import embedding_table
from mime_fast.evaluation.page.material import Material
from mime_fast.evaluation.page.page import write_page

if TYPE_CHECKING:
    from mime_fast.evaluation.page.attention import Look

LOOKS = 3  # examples whose replies are looked into


@dataclass(frozen=True)
class Shown:
    """What the page shows beside the comparison."""

    weights: Sequence[Path] = ()  # checkpoints of systems that are given as outputs
    seed: int = 0  # of whatever is drawn at random
    examples: int = 12

    def __post_init__(self) -> None:
        require(self.examples >= 1, f"examples must be at least 1, got {self.examples}")


def report(systems: Sequence[Path], data: Path, out: Path, options: Options, shown: Shown) -> None:
    """Compare the systems (see evaluate) and write the page; prints where it is."""
    for folder in shown.weights:
        checkpoints.load(folder)  # before anything that takes minutes
    require(not out.is_dir(), f"out must be a file, got the folder {out}; name one in it")
    found = compare_systems(systems, data, options)
    for each in found.systems:
        embedding_table(each.outputs.facts)
    folders = [path for path in systems or [checkpoints.DEFAULT] if path.is_dir()]
    weights = _weights([*folders, *shown.weights], found)
    material = Material(
        found.examples,
        found.gold,
        found.systems,
        found.tests,
        found.baseline,
        seed=shown.seed,
        shown=shown.examples,
        looks=_looks(weights, found, shown),
        command=shlex.join(["mime-fast", *sys.argv[1:]]),
    )
    write_page(material, out)
    print(f"wrote {out}")


def _weights(folders: Sequence[Path], found: Compared) -> dict[str, Path]:
    """Checkpoint directories by the name of their system."""
    named = {folder.resolve().name: folder for folder in folders}
    systems = [each.outputs.system for each in found.systems]
    if unknown := sorted(named.keys() - set(systems)):
        raise ValueError(
            f"--weights holds {', '.join(unknown)}, but the systems are {', '.join(systems)}: "
            "the folder must be called as the system"
        )
    return named


def _looks(weights: Mapping[str, Path], found: Compared, shown: Shown) -> dict[str, Sequence[Look]]:
    if not weights:
        return {}
    from mime_fast.evaluation.page.attention import look_inside  # noqa: PLC0415 - it needs torch

    indices = draw(shown.seed, LOOKS, range(len(found.examples)), "inside")
    return {name: look_inside(path, found.examples, indices) for name, path in weights.items()}
