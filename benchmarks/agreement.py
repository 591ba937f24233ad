"""Do the engines say the same? Replies of the native engine against eager's, excuses counted.

Another order of summation may flip a tie. A reply that differs is excused where, in eager's own
search for it, two candidates, or a random number and its boundary, lie within 1e-5 of each other.

    python -m benchmarks.agreement --data ed/test_examples.jsonl --contexts 1000
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from mime_fast import Generator
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import Encoded, Engine
from mime_fast.search import BeamSearch, Sampler, decode
from mime_fast.search.constraints import Constraints
from mime_fast.search.hypothesis import log_softmax
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.types import Dialogue, FloatArray, IntArray

TIE = 1e-5
BATCH = 50  # of eager; the native engine answers each alone, so that drafts are verified too
VERDICTS = ("same", "excused", "different")
STRATEGIES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "beam 5": {"num_beams": 5},
    "top-k 10": {"do_sample": True, "top_k": 10, "temperature": 0.8},
    "top-p 0.9": {"do_sample": True, "top_p": 0.9},
    "sampled": {"do_sample": True},
}


class WatchedSampler(Sampler):
    """Remembers the closest call of its choices."""

    closest = np.inf

    def _choose(self, logits: FloatArray) -> IntArray:
        for row, index in zip(logits, self.live, strict=True):
            self.closest = min(self.closest, self._gap(row.astype(np.float64), index))
        return super()._choose(logits)

    def _gap(self, row: NDArray[np.float64], index: int) -> float:
        options = self.options
        ranked = -np.sort(-row)
        if not options.do_sample:
            return float(ranked[0] - ranked[1])
        gap = np.inf
        if options.top_k:
            gap = float(ranked[options.top_k - 1] - ranked[options.top_k])
            ranked = ranked[: options.top_k]
        weights = np.exp((ranked - ranked[0]) / options.temperature)
        cumulative = np.cumsum(weights) / weights.sum()
        if options.top_p < 1:
            gap = min(gap, float(np.abs(cumulative - options.top_p).min()))
            cumulative = cumulative[: int(np.searchsorted(cumulative, options.top_p)) + 1]
        coin = self._uniforms[index, self._steps] * cumulative[-1]
        return min(gap, float(np.abs(cumulative - coin).min()))


class WatchedBeam(BeamSearch):
    """Remembers the closest call of its choices."""

    closest = np.inf

    def advance(self, logits: FloatArray) -> tuple[list[int], list[int]]:
        constrained = self.constraints.apply(logits, [h.tokens for h in self.live])
        width = self.options.num_beams
        best = -np.sort(-log_softmax(constrained), axis=-1)[:, : 2 * width + 1]
        totals = np.array([[h.log_prob] for h in self.live]) + best
        self._watch(-np.sort(-totals, axis=None)[: 2 * width + 1])
        chosen = super().advance(logits)
        self._watch(np.array([h.score(self.options.length_penalty) for h in self.finished]))
        return chosen

    def _watch(self, ranked: NDArray[np.float64]) -> None:
        gaps = ranked[:-1] - ranked[1:]
        self.closest = min([self.closest, *gaps[np.isfinite(gaps)].tolist()])


def new_search(
    engine: Engine, options: GenerationConfig, seed: int
) -> WatchedSampler | WatchedBeam:
    """A search that remembers how close its choices were."""
    if options.num_beams > 1:
        return WatchedBeam(options, Constraints(options))
    return WatchedSampler(options, seed, engine.sampling, Constraints(options))


def encode(engine: Engine, dialogues: Sequence[Dialogue], seeds: Sequence[int]) -> Encoded:
    """One batch, with the emotion noise that Generator draws for these seeds."""
    latent = engine.config.latent_dim
    draws = [engine.sampling.standard_normal(seed, 0, 2 * latent) for seed in seeds]
    noise = np.stack([drawn.reshape(2, latent) for drawn in draws])
    return engine.encode(dialogues, noise, None)


def compare(
    eager: Engine, natives: dict[str, Engine], dialogues: list[Dialogue], seeds: range
) -> Iterator[tuple[str, str, str]]:
    """(compute type, strategy, verdict) of every reply."""
    encoded = encode(eager, dialogues, seeds)
    for strategy, options in STRATEGIES.items():
        config = GenerationConfig(**options)
        searches = [new_search(eager, config, seed) for seed in seeds]
        for _ in decode(eager, encoded, searches):
            pass
        for kind, engine in natives.items():
            for dialogue, seed, search in zip(dialogues, seeds, searches, strict=True):
                alone = encode(engine, [dialogue], [seed])
                decoding = engine.decode(alone, config, [seed])
                decoding.run()
                same = decoding.results(0)[0].tokens == search.results()[0].tokens
                excused = "excused" if search.closest <= TIE else "different"
                yield kind, strategy, "same" if same else excused


def read_dialogues(generator: Generator, path: Path, count: int) -> list[Dialogue]:
    """The first contexts of a file of examples."""
    with path.open(encoding="utf-8") as file:
        contexts = [
            json.loads(line)["context"] for line, _ in zip(file, range(count), strict=False)
        ]
    positions = generator.engine.config.max_positions
    return [encode_dialogue(generator.tokenizer, context, positions) for context in contexts]


def main() -> None:
    """Print one line for each compute type and strategy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="test_examples.jsonl")
    parser.add_argument("--contexts", type=int, default=1000)
    parser.add_argument("--checkpoint", type=Path, help="default: the bundled one")
    arguments = parser.parse_args()
    eager = Generator(arguments.checkpoint, engine="eager")
    natives = {
        kind: Generator(arguments.checkpoint, compute_type=kind).engine
        for kind in ("float32", "int8")
    }
    dialogues = read_dialogues(eager, arguments.data, arguments.contexts)
    verdicts: Counter[tuple[str, str, str]] = Counter()
    for begin in track(range(0, len(dialogues), BATCH), description="contexts"):
        batch = dialogues[begin : begin + BATCH]
        seeds = range(begin, begin + len(batch))
        verdicts.update(compare(eager.engine, natives, batch, seeds))
    print("compute  strategy  ", *(f"{verdict:>8}" for verdict in VERDICTS))
    for kind in natives:
        for strategy in STRATEGIES:
            counts = [
                verdicts[kind, strategy, verdict] for verdict in ("same", "excused", "different")
            ]
            print(f"{kind:8} {strategy:10} {counts[0]:8} {counts[1]:8} {counts[2]:9}")
    raise SystemExit(any(verdict == "different" for *_, verdict in verdicts))


if __name__ == "__main__":
    main()
