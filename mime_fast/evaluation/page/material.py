"""What the page is made of: measured systems, their weights where known, and what was drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mime_fast.evaluation.comparison.compare import Comparison
from mime_fast.evaluation.comparison.draw import draw
from mime_fast.evaluation.comparison.gold import Gold
from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.page.markup import Html, absent
from mime_fast.evaluation.page.timings import Speed
from mime_fast.text.examples import Example

if TYPE_CHECKING:
    from mime_fast.evaluation.page.attention import Look


@dataclass(frozen=True)
class Material:
    """Everything that a part of the page may show."""

    examples: Sequence[Example]
    gold: Gold
    systems: Sequence[Measured]
    tests: Sequence[Comparison]
    baseline: str
    seed: int = 0
    shown: int = 12  # examples
    looks: Mapping[str, Sequence[Look]] = field(default_factory=dict)  # inside replies, by system
    speed: Speed | None = None
    command: str = ""

    def draw(self, count: int, members: Sequence[int] | None = None, stream: str = "") -> list[int]:
        """Examples drawn at random, always the same; members: None for all examples."""
        pool = range(len(self.examples)) if members is None else members
        return draw(self.seed, count, pool, stream)

    def without(self, able: Sequence[Measured], reason: str) -> list[Html]:
        """A line that names the systems which are not among `able`, and why; none if all are."""
        names = ", ".join(each.outputs.system for each in self.systems if each not in able)
        return [absent(f"{names}: {reason}")] if names else []

    def drawn(self) -> list[int]:
        """The examples that are shown."""
        return self.draw(self.shown)
