"""Options of `mime-fast evaluate`; the command line is made of this table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mime_fast.config import Config
from mime_fast.options import option


@dataclass(frozen=True)
class ComparisonOptions(Config):
    """What to compare by, and what to keep of it."""

    baseline: str | None = option(
        None, "The system to test the others against; default: the first."
    )
    decoding: str = option(
        "greedy",
        "Compare greedy, beam, topk, mbr or best_of replies; mbr,greedy: the first that a "
        "system has.",
    )
    judge: Path | None = option(
        None, "A folder that `mime-fast finetune` made: do replies fit their contexts?"
    )
    save: Path | None = option(
        None, "Write the outputs of checkpoints, in all decodings, into this folder."
    )
    people: bool = False  # see EvaluateOptions; a page never has them


@dataclass(frozen=True)
class EvaluateOptions(ComparisonOptions):
    """What to compare by, and what to show of it."""

    people: bool = option(False, "Measure the references as a system, too.", flags=("--people",))
    samples: int = option(0, "Show this many replies, drawn at random.", within="[0, inf)")
    as_json: bool = option(False, "Everything, as JSON.", flags=("--json",))
