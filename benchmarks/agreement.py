"""Compares the replies of the native engine with eager's, and counts excuses.

Another order of summation may flip a tie. A reply that differs is excused if eager's own search had
a close choice at the step at which the two part. A choice is close if two tokens, or a random
number and its boundary, are within 1e-5. A beam may lose a hypothesis long before or after its best
reply shows it. There any step counts, but only the choices of the hypotheses that stay, end or win.
Every excuse is printed.

    python -m benchmarks.agreement --data ed/test_examples.jsonl --contexts 1000
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from mime_fast import Generator
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import EncoderBatch, Engine
from mime_fast.engines.stepwise import decode
from mime_fast.request import emotion_noise
from mime_fast.search.hypothesis import log_softmax
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.examples import find_examples, load_examples
from mime_fast.types import Dialogue, FloatArray, IntArray
from tests.oracle.beam import BeamSearch
from tests.oracle.sampler import Sampler

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
    """Records how close the choice of each step was."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.gaps: list[float] = []

    def _choose(self, logits: FloatArray) -> IntArray:
        (row,) = logits
        self.gaps.append(self._gap(row.astype(np.float64), self.live[0]))
        return super()._choose(logits)

    def gap_at(self, step: int) -> float:  # not in a smoke run: no reply differs
        """The gap of the choice that was made there."""
        return self.gaps[step]

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
        uniform = self._uniforms[index, self._steps] * cumulative[-1]
        drawn = int(np.searchsorted(cumulative, uniform, side="right"))
        neighbours = ranked[max(0, drawn - 1) : drawn + 2]  # may change places with it
        gaps = [gap, *(neighbours[:-1] - neighbours[1:]), *np.abs(cumulative - uniform)]
        return float(min(gaps))


class WatchedBeam(BeamSearch):
    """Records the closest choice of each step: which rows continue, how ended ones rank."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.gaps: list[float] = []

    def gap_at(self, step: int) -> float:  # not in a smoke run  # noqa: ARG002 - like the other's
        """The least gap of all steps: at any of them another hypothesis may have been lost."""
        return min(self.gaps)

    def advance(self, logits: FloatArray) -> tuple[list[int], list[int]]:
        constrained = self.constraints.apply(logits, [h.tokens for h in self.live])
        width = self.options.num_beams
        best = -np.sort(-log_softmax(constrained), axis=-1)[:, : 2 * width + 1]
        totals = np.array([[h.log_prob] for h in self.live]) + best
        # The order of those that go on in any case changes nothing.
        ranked = -np.sort(-totals, axis=None)[width - 1 : 2 * width + 1]
        chosen = super().advance(logits)
        finished = np.array([h.score(self.options.length_penalty) for h in self.finished])
        gaps = np.concatenate([ranked[:-1] - ranked[1:], finished[:-1] - finished[1:]])
        self.gaps.append(float(gaps[np.isfinite(gaps)].min(initial=np.inf)))
        return chosen


def new_search(options: GenerationConfig, seed: int) -> WatchedSampler | WatchedBeam:
    """A search that records how close its choices were."""
    return WatchedBeam(options) if options.num_beams > 1 else WatchedSampler(options, seed)


def encode(engine: Engine, dialogues: Sequence[Dialogue], seeds: Sequence[int]) -> EncoderBatch:
    """One batch, with the emotion noise that Generator draws for these seeds."""
    return engine.encode(dialogues, emotion_noise(engine, seeds), None)


@dataclass(frozen=True)
class Verdict:
    """On one reply: where it parts from eager's, if it does, and how close the choice was there."""

    compute_type: str
    strategy: str
    seed: int  # and number of the context
    step: int | None
    gap: float = np.inf

    @property
    def text(self) -> str:
        """One of VERDICTS."""
        return "same" if self.step is None else "excused" if self.gap <= TIE else "different"


def first_difference(found: Sequence[int], expected: Sequence[int]) -> int | None:
    """The step at which two replies part; None: nowhere."""
    if tuple(found) == tuple(expected):
        return None
    pairs = zip_longest(found, expected)
    return next(step for step, (ours, theirs) in enumerate(pairs) if ours != theirs)


def compare(
    eager: Engine,
    engines: Mapping[str, Engine],
    dialogues: Sequence[Dialogue],
    seeds: range,
    strategies: Mapping[str, dict[str, Any]] = STRATEGIES,
) -> Iterator[Verdict]:
    """A verdict on every reply; the engines by their compute type."""
    encoded = encode(eager, dialogues, seeds)
    for strategy, options in strategies.items():
        config = GenerationConfig(**options)
        searches = [new_search(config, seed) for seed in seeds]
        for _ in decode(eager, encoded, searches):
            pass
        for kind, engine in engines.items():
            for dialogue, seed, search in zip(dialogues, seeds, searches, strict=True):
                decoding = engine.decode(encode(engine, [dialogue], [seed]), config, [seed])
                decoding.run()
                found, expected = decoding.results(0)[0], search.results()[0]
                step = first_difference(found.tokens, expected.tokens)
                gap = np.inf if step is None else search.gap_at(step)
                yield Verdict(kind, strategy, seed, step, gap)


def read_dialogues(generator: Generator, path: Path, count: int) -> list[Dialogue]:
    """The first contexts of a file of examples."""
    contexts = [example.context for example in load_examples(find_examples(path))[:count]]
    positions = generator.engine.config.max_positions
    return [encode_dialogue(generator.tokenizer, context, positions) for context in contexts]


def main() -> None:
    """Print one line for each compute type and strategy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="a folder or a file of examples")
    parser.add_argument("--contexts", type=int, default=1000)
    parser.add_argument("--checkpoint", type=Path, help="default: the bundled one")
    arguments = parser.parse_args()
    eager = Generator(arguments.checkpoint, engine="eager")
    natives = {
        kind: Generator(arguments.checkpoint, compute_type=kind).engine
        for kind in ("float32", "int8")
    }
    dialogues = read_dialogues(eager, arguments.data, arguments.contexts)
    verdicts: list[Verdict] = []
    for begin in track(range(0, len(dialogues), BATCH), description="contexts"):
        batch = dialogues[begin : begin + BATCH]
        seeds = range(begin, begin + len(batch))
        verdicts += compare(eager.engine, natives, batch, seeds)
    print(report(verdicts))
    raise SystemExit(any(verdict.text == "different" for verdict in verdicts))


def report(verdicts: Sequence[Verdict]) -> str:
    """A table of counts, and a line for every reply that is not the same."""
    counts = Counter((each.compute_type, each.strategy, each.text) for each in verdicts)
    lines = [f"{'compute':8} {'strategy':10}" + "".join(f" {text:>9}" for text in VERDICTS)]
    for kind, strategy in dict.fromkeys((each.compute_type, each.strategy) for each in verdicts):
        numbers = "".join(f" {counts[kind, strategy, text]:9}" for text in VERDICTS)
        lines.append(f"{kind:8} {strategy:10}{numbers}")
    lines += [
        f"{each.text}: {each.compute_type}, {each.strategy}, context {each.seed}: parts at step "
        f"{each.step}, where the closest choice was {each.gap:.1e} apart"
        for each in verdicts
        if each.step is not None
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
