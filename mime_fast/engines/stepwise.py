"""The loop over decoding steps, for any number of requests at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mime_fast.config import GenerationConfig
from mime_fast.engines.base import EncoderBatch, Engine, Unpicklable
from mime_fast.search import Search, new_search
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.search.rules import TextRules
from mime_fast.text.tokenizer import SOS

# Decoded together; further requests wait. Their logits are 24 MB with 25,000 words.
MOST_BATCH_ROWS = 256


class StepwiseSession(Unpicklable):
    """Several requests decoded together by an engine that makes one step at a time.

    Rows that end leave the batch; requests beyond MOST_BATCH_ROWS rows wait until it is over.
    """

    def __init__(
        self,
        engine: Engine,
        encoded: EncoderBatch,
        options: GenerationConfig,
        seeds: Sequence[int],
        rules: TextRules | None = None,
    ) -> None:
        self.searches = [new_search(options, seed, rules) for seed in seeds]
        most = max(1, MOST_BATCH_ROWS // max((search.rows for search in self.searches), default=1))
        self._steps = _decode_groups(engine, encoded, self.searches, most)

    def advance(self) -> bool:
        """Make one step of every search that is not over; False if none was left."""
        return next(self._steps, False) is None

    def run(self) -> None:
        """Make all steps that are left."""
        for _ in self._steps:
            pass

    def agreed(self, request: int) -> tuple[int, ...]:
        """The tokens that the final best hypothesis of a request is sure to start with."""
        return self.searches[request].agreed()

    def leader(self, request: int) -> Hypothesis:
        """A hypothesis that starts with the agreed tokens, for their log-probabilities."""
        return self.searches[request].leader

    def results(self, request: int) -> list[Hypothesis]:
        """A request's replies once its search is over: beams best first, samples as drawn."""
        return self.searches[request].results()


def _decode_groups(
    engine: Engine, encoded: EncoderBatch, searches: Sequence[Search], most: int
) -> Iterator[None]:
    """Decode the searches, at most `most` at a time."""
    for first in range(0, len(searches), most):
        yield from decode(engine, encoded, searches[first : first + most], first)


def decode(
    engine: Engine, encoded: EncoderBatch, searches: Sequence[Search], first_dialogue: int = 0
) -> Iterator[None]:
    """Run all searches to their end, yielding after each step; finished rows leave the batch.

    searches[i] answers dialogue first_dialogue + i of `encoded`.
    """
    owners = [
        index for index, search in enumerate(searches, first_dialogue) for _ in range(search.rows)
    ]
    state = engine.start(encoded, owners)
    tokens = np.full(len(owners), SOS, np.int64)
    while len(tokens):
        logits = engine.step(state, tokens)
        kept: list[int] = []
        chosen: list[int] = []
        first = 0
        for search in searches:
            rows = search.rows
            if rows:
                parents, newest = search.advance(logits[first : first + rows])
                kept += [first + parent for parent in parents]
                chosen += newest
            first += rows
        tokens = np.array(chosen, np.int64)
        if len(tokens):
            state = engine.select(state, np.array(kept, np.int64))
        yield
