"""What excuses a reply that is not eager's: a close call where they part, and nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import agreement
from benchmarks.agreement import Verdict, WatchedBeam, WatchedSampler, first_difference
from mime_fast import Generator
from mime_fast.config import GenerationConfig
from mime_fast.text.dialogue import encode_dialogue

VOCAB, FIRST = 12, 7  # ids from FIRST on are words


def logits(*words: float) -> np.ndarray:
    row = np.full((1, VOCAB), -30, np.float32)
    row[0, FIRST : FIRST + len(words)] = words
    return row


def sampler(options: GenerationConfig, uniform: float = 0.5) -> WatchedSampler:
    search = WatchedSampler(options, 0)
    search._uniforms = np.full((1, options.max_new_tokens), uniform)
    return search


def test_a_greedy_choice_is_as_close_as_the_two_best() -> None:
    options = GenerationConfig(min_new_tokens=5, max_new_tokens=5)
    search = sampler(options)
    for words in [(2, 1), (3, 2.9999), (5, 1, 5)]:
        search.advance(logits(*words))
    assert search.gaps == pytest.approx([1, 1e-4, 0], abs=1e-6)
    assert [search.gap_at(step) for step in range(3)] == search.gaps


@pytest.mark.parametrize(
    ("options", "uniform", "second", "gap"),
    [
        ({}, 0.25, -1e-3, 1e-3),  # the words might change places, and the other be drawn
        ({}, 0.5, -np.log(3), 0.25),  # words of 0.75 and 0.25: the edge is at 0.75
        ({}, 0.74, -np.log(3), 0.01),
        ({"top_p": 0.7}, 0.3, -np.log(3), 0.05),  # the first word has 0.05 more than it needs
        ({"top_k": 1}, 0.5, -0.125, 0.125),  # the second word is all but the first
    ],
)
def test_a_draw_is_as_close_as_its_uniform_and_its_cuts(
    options: dict[str, Any], uniform: float, second: float, gap: float
) -> None:
    config = GenerationConfig(do_sample=True, max_new_tokens=5, min_new_tokens=5, **options)
    search = sampler(config, uniform)
    search.advance(logits(0, second))
    assert search.gaps == pytest.approx([gap], abs=1e-5)


def test_a_beam_is_as_close_as_its_closest_choice() -> None:
    options = GenerationConfig(num_beams=2, min_new_tokens=3, max_new_tokens=3)
    search = WatchedBeam(options)
    search.advance(logits(3, 2, 1, 0, -1))
    search.advance(np.concatenate([logits(3, 1), logits(0.5, 0.25)]))
    assert search.gap_at(0) == search.gap_at(1) == min(search.gaps) <= 0.25


def test_a_tie_of_two_that_go_on_excuses_nothing() -> None:
    options = GenerationConfig(num_beams=2, min_new_tokens=3, max_new_tokens=3)
    search = WatchedBeam(options)
    search.advance(logits(3, 3, 1, 0.5))
    assert search.gap_at(0) == pytest.approx(0.5)


def test_replies_part_where_a_token_differs_or_one_ends() -> None:
    assert first_difference([1, 2], [1, 2]) is None
    assert first_difference([1, 2, 3], [1, 4, 3]) == 1
    assert first_difference([1, 2], [1, 2, 3]) == 2


def test_only_a_close_call_excuses() -> None:
    verdicts = [
        Verdict("int8", "greedy", 0, None),
        Verdict("int8", "greedy", 1, 4, 1e-6),
        Verdict("int8", "greedy", 2, 0, 1e-4),
    ]
    assert [verdict.text for verdict in verdicts] == ["same", "excused", "different"]
    table, *lines = agreement.report(verdicts).split("\n")[1:]
    assert table.split() == ["int8", "greedy", "1", "1", "1"]
    assert lines[0].startswith("excused: int8, greedy, context 1: parts at step 4")


def test_an_engine_agrees_with_itself(tiny_checkpoint: Path) -> None:
    generator = Generator(tiny_checkpoint, engine="eager")
    dialogue = encode_dialogue(generator.tokenizer, ["my dog was lost"], 64)
    natives = {"int8": Generator(tiny_checkpoint).engine}
    verdicts = list(agreement.compare(generator.engine, natives, [dialogue] * 3, range(3)))
    assert [verdict.strategy for verdict in verdicts[::3]] == list(agreement.STRATEGIES)
    assert {verdict.text for verdict in verdicts} == {"same"}
