"""What a search promises, and the search that the options ask for; csrc/search has them."""

from __future__ import annotations

from typing import Protocol

from mime_fast import _C
from mime_fast.config import GenerationConfig
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.search.rules import TextRules
from mime_fast.types import FloatArray


class Search(Protocol):
    """One request's strategy: it owns the hypotheses, the engine owns their state."""

    @property
    def rows(self) -> int:
        """How many rows the next step decodes; 0: the search is over."""

    def advance(self, logits: FloatArray) -> tuple[list[int], list[int]]:
        """Read logits (rows, vocabulary); the parent row and the token of each next row."""

    def agreed(self) -> tuple[int, ...]:
        """The tokens that the final best hypothesis is sure to start with."""

    @property
    def leader(self) -> Hypothesis:
        """A hypothesis that starts with the agreed tokens, for their log-probabilities."""

    def results(self) -> list[Hypothesis]:
        """The replies, once the search is over."""


def new_search(options: GenerationConfig, seed: int, rules: TextRules | None = None) -> Search:
    """The strategy that the options ask for."""
    if options.num_beams > 1:
        return _C.BeamSearch(options, rules=rules)
    return _C.Sampler(options, seed, rules=rules)
