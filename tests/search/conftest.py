"""A language model that is a table: the logits after a prefix are a function of that prefix."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from mime_fast import _C
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import EncoderBatch
from mime_fast.search import Search
from mime_fast.text.tokenizer import EOS, SOS
from mime_fast.types import FloatArray, IntArray
from tests.oracle.beam import BeamSearch
from tests.oracle.sampler import Sampler


class TableModel:
    """An engine whose dialogue i is the language model of seed `seed + i`.

    words: beside the seven special ids. spread: of the logits. eos_bias: added to end-of-reply.
    flat: the same logits after every prefix.
    """

    name = "table"
    config: Any = None

    def __init__(
        self,
        seed: int = 0,
        words: int = 5,
        *,
        spread: float = 2.0,
        eos_bias: float = 0.0,
        flat: bool = False,
    ) -> None:
        self.seed, self.words, self.spread, self.eos_bias = seed, words, spread, eos_bias
        self.flat = flat
        self.rows_seen: list[int] = []
        self._table: dict[tuple[int, tuple[int, ...]], FloatArray] = {}

    def logits(self, prefix: tuple[int, ...], dialogue: int = 0) -> FloatArray:
        """(7 + words,) float32."""
        key = dialogue, () if self.flat else prefix
        if key not in self._table:
            generator = np.random.default_rng([self.seed + dialogue, *key[1]])
            row = generator.normal(0, self.spread, 7 + self.words)
            row[EOS] += self.eos_bias
            self._table[key] = row.astype(np.float32)
        return self._table[key]

    def script(self, prefix: tuple[int, ...], probabilities: dict[int, float]) -> None:
        """What follows a prefix of dialogue 0; anything else is all but impossible."""
        row = np.full(7 + self.words, -50, np.float32)
        row[list(probabilities)] = np.log(list(probabilities.values()))
        self._table[0, prefix] = row

    def encode(self, *_: Any) -> EncoderBatch:
        raise NotImplementedError("a table reads no dialogue")

    def start(self, _: EncoderBatch, rows: Sequence[int]) -> Any:
        return [(row, ()) for row in rows]

    def step(self, state: Any, tokens: IntArray) -> FloatArray:
        assert len(state) == len(tokens)
        self.rows_seen.append(len(tokens))
        state[:] = [
            (row, (*prefix, token))
            for (row, prefix), token in zip(state, tokens.tolist(), strict=True)
        ]
        assert all(prefix[0] == SOS for _, prefix in state)
        return np.stack([self.logits(prefix[1:], row) for row, prefix in state])

    def select(self, state: Any, rows: IntArray) -> Any:
        return [state[row] for row in rows.tolist()]


@pytest.fixture(scope="session")
def table_model() -> type[TableModel]:
    return TableModel


@pytest.fixture(scope="session", params=["native", "numpy"])
def new_search(request: pytest.FixtureRequest) -> Callable[..., Search]:
    """Makes the search that Generator makes of a seed and options, in C++ and its slow twin."""

    def native(seed: int = 0, **options: Any) -> Search:
        config = GenerationConfig(**options)
        return _C.BeamSearch(config) if config.num_beams > 1 else _C.Sampler(config, seed)

    def numpy(seed: int = 0, **options: Any) -> Search:
        config = GenerationConfig(**options)
        if config.num_beams > 1:
            return BeamSearch(config)
        return Sampler(config, seed)

    return native if request.param == "native" else numpy
