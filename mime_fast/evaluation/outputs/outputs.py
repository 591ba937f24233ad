"""What a system answers to the examples of a set, and how its replies were decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mime_fast.checkpoint import RELEVANCE
from mime_fast.evaluation.outputs.records import check_cost

DECODINGS = ("greedy", "beam", "topk", "mbr", "best_of")  # of checkpoints
COST_DECIMALS = 4  # 1e-4 nats of a reply are less than 1e-5 of a perplexity


def decodings_of(folder: Path) -> tuple[str, ...]:
    """The decodings that a checkpoint is compared by: best_of needs a relevance table."""
    return DECODINGS if (folder / RELEVANCE).exists() else DECODINGS[:-1]


@dataclass(frozen=True)
class Outputs:
    """Replies of one system to the examples of one set, in their order.

    Raises:
        ValueError: the lists are of different lengths, there is no reply, or a cost is none.
    """

    system: str
    replies: dict[str, list[str]]  # decoding -> a reply an example, words joined by blanks
    emotions: list[list[str]] | None = None  # up to five an example, likeliest first
    costs: list[float] | None = None  # nats of each reference reply with its end, gold polarity
    tokens: list[int] | None = None  # how many words and ends that is
    seeds: dict[int, list[str]] | None = None  # seed -> greedy replies to the first contexts
    facts: dict[str, Any] = field(default_factory=dict)  # config, training, options of decoding

    def __post_init__(self) -> None:
        if not self.replies:
            raise ValueError(f"{self.system} holds no replies; give those of one decoding or more")
        parts: dict[str, Sequence[object] | None] = {**self.replies, "emotions": self.emotions}
        parts |= {"costs": self.costs, "tokens": self.tokens}
        lengths = {name: len(part) for name, part in parts.items() if part is not None}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"{self.system}: one of each an example is needed, got {lengths}")
        if self.seeds is not None and len({len(replies) for replies in self.seeds.values()}) != 1:
            raise ValueError(f"{self.system}: every seed needs replies to the same contexts")
        if (self.costs is None) != (self.tokens is None):
            raise ValueError(f"{self.system}: costs and tokens belong together; give both, or none")
        for cost, tokens in zip(self.costs or (), self.tokens or (), strict=True):
            check_cost(cost, tokens)

    def __len__(self) -> int:
        return len(next(iter(self.replies.values())))

    def decoding(self, preferred: str) -> str:
        """The decoding to compare by; ValueError: no preferred one is there. See find_decoding."""
        return find_decoding(self.system, list(self.replies), preferred)


def find_decoding(system: str, known: Sequence[str], preferred: str) -> str:
    """The decoding to compare by: of "mbr,greedy" the first that is known, else the only one.

    Raises:
        ValueError: the system has several, and no preferred one is among them.
    """
    for name in preferred_decodings(preferred):
        if name in known:
            return name
    if len(known) == 1:
        return known[0]
    raise ValueError(
        f"{system} holds no {preferred!r} replies; use one of: {', '.join(known)} "
        "(or several, separated by commas: the first that a system has)"
    )


def preferred_decodings(preferred: str) -> list[str]:
    """The names in "mbr,greedy"."""
    return [name.strip() for name in preferred.split(",")]
