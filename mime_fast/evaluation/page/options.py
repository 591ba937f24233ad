"""Options of `mime-fast report` beside those of the comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mime_fast.config import Config
from mime_fast.options import option


@dataclass(frozen=True)
class PageOptions(Config):
    """What the page shows beside the comparison."""

    weights: tuple[Path, ...] = ()  # checkpoints that made some of the outputs
    seed: int = option(0, "Seed of the examples that are drawn.")
    examples: int = option(12, "How many are shown.", within="[1, inf)")
    latency: Path | None = option(
        None, "Times of the systems: what benchmarks.systems_latency wrote."
    )
