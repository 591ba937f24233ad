"""The engine's replies on a GPU: eager's, whatever else is asked at the same time."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import agreement
from benchmarks.workload import base_checkpoint, random_request
from mime_fast import checkpoint
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines.base import Engine
from mime_fast.engines.cuda import CudaEngine
from mime_fast.engines.eager import EagerEngine
from mime_fast.types import Dialogue
from tests.gpu.ask import STRATEGIES, ask, ask_one_by_one, log_probs, options, words

pytestmark = pytest.mark.gpu

BATCH = 50  # of eager
COMPARED: dict[str, dict[str, Any]] = {
    "greedy": {},
    "beam 5": {"num_beams": 5},
    "top-k 10": {"do_sample": True, "top_k": 10, "temperature": 0.8},
    "greedy, penalties": {"repetition_penalty": 1.2, "no_repeat_ngram_size": 3},
    "beam 5, penalties": {"num_beams": 5, "repetition_penalty": 1.2, "no_repeat_ngram_size": 2},
    "top-k 10, penalties": {
        "do_sample": True,
        "top_k": 10,
        "repetition_penalty": 1.2,
        "no_repeat_ngram_size": 3,
        "min_new_tokens": 5,
    },
}
ATOL = 1e-4  # of a log-probability that was computed in another batch


def check_agreement(
    eager: Engine,
    engine: Engine,
    dialogues: Sequence[Dialogue],
    strategies: Mapping[str, dict[str, Any]],
) -> None:
    """Fail unless few replies differ, each by a close call (benchmarks/agreement.py)."""
    verdicts: list[agreement.Verdict] = []
    for first in range(0, len(dialogues), BATCH):
        batch = dialogues[first : first + BATCH]
        seeds = range(first, first + len(batch))
        verdicts += agreement.compare(eager, {"float32": engine}, batch, seeds, strategies)
    texts = [verdict.text for verdict in verdicts]
    assert len(texts) == len(dialogues) * len(strategies)
    assert "different" not in texts, agreement.report(verdicts)
    assert texts.count("excused") <= 0.02 * len(texts), agreement.report(verdicts)


@pytest.mark.parametrize("strategy", COMPARED)
def test_replies_are_eagers(
    engine: CudaEngine, eager: EagerEngine, dialogues: Sequence[Dialogue], strategy: str
) -> None:
    chosen = dialogues[:BATCH] if "penalties" in strategy else dialogues  # eager is slow
    check_agreement(eager, engine, chosen, {strategy: COMPARED[strategy]})


def test_another_architecture(
    authors_form: Path, dialogues: Sequence[Dialogue], device: str
) -> None:
    """Two layers, both response encoders, tied embeddings, the mean as the query; 17 beams."""
    loaded = checkpoint.load(authors_form)
    words_of_it = loaded.config.vocab_size
    few = [
        Dialogue([word % words_of_it or 7 for word in dialogue.tokens], dialogue.speakers)
        for dialogue in dialogues[:4]
    ]
    strategies: dict[str, dict[str, Any]] = {
        "greedy": {"max_new_tokens": 8},
        "beam 3": {"max_new_tokens": 8, "num_beams": 3},
        "beam 17": {"max_new_tokens": 3, "num_beams": 17},
        "sampled": {"max_new_tokens": 8, "do_sample": True, "min_p": 0.1},
    }
    check_agreement(EagerEngine(loaded, device), CudaEngine(loaded, device), few, strategies)


def test_mime_base(dialogues: Sequence[Dialogue], device: str) -> None:
    """Its defaults are samples; fewer contexts where kernels are interpreted."""
    rehearsed = device == "cpu"
    loaded = base_checkpoint(tiny=rehearsed)
    own = [
        random_request(loaded.config, len(dialogue.tokens), index).dialogue
        for index, dialogue in enumerate(dialogues[:2] if rehearsed else dialogues)
    ]
    strategies = {name: COMPARED[name] for name in ("greedy", "beam 5", "top-k 10, penalties")}
    if rehearsed:
        strategies = {"greedy": {"max_new_tokens": 2}}
    check_agreement(EagerEngine(loaded, device), CudaEngine(loaded, device), own, strategies)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_batch_gives_the_replies_of_single_requests(
    engine: CudaEngine, dialogues: Sequence[Dialogue], strategy: str
) -> None:
    """200 dialogues with five beams are more rows than are decoded together."""
    config = options(strategy)
    together, alone = ask(engine, dialogues, config), ask_one_by_one(engine, dialogues, config)
    assert words(together) == words(alone)
    assert log_probs(together) == pytest.approx(log_probs(alone), abs=ATOL)


def test_threads_get_the_replies_that_they_would_get_alone(
    engine: CudaEngine, dialogues: Sequence[Dialogue]
) -> None:
    """Eight at once, each with other shapes and another search than its neighbours."""
    jobs = [
        (dialogues[first : first + 1 + first % 4], options(strategy))
        for first in range(0, min(20, len(dialogues)), 2)
        for strategy in STRATEGIES
    ]
    expected = [words(ask(engine, *job)) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda job: words(ask(engine, *job)), jobs * 2))
    assert found == expected * 2


def test_a_second_engine_disturbs_nobody(
    engine: CudaEngine, loaded: Checkpoint, dialogues: Sequence[Dialogue], device: str
) -> None:
    config, few = options("beam 5"), dialogues[:10]
    expected = words(ask(engine, few, config))
    second = CudaEngine(loaded, device)
    assert words(ask(second, few, config)) == expected
    assert words(ask(engine, few, config)) == expected
    del second
    assert words(ask(engine, few, config)) == expected


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_request_gives_the_same_bits(
    engine: CudaEngine, dialogues: Sequence[Dialogue], strategy: str
) -> None:
    config, few = options(strategy, return_scores=True), dialogues[:20]
    seeds = range(len(few))
    encoded = [agreement.encode(engine, few, seeds) for _ in range(2)]
    for name in ("emotion_logits", "positive_mixture", "negative_mixture", "mimics_positive"):
        np.testing.assert_array_equal(getattr(encoded[0], name), getattr(encoded[1], name))
    first, second = (ask(engine, few, config) for _ in range(2))
    assert first == second


def test_a_reply_that_is_abandoned_leaves_the_engine_as_it_was(
    engine: CudaEngine, dialogues: Sequence[Dialogue]
) -> None:
    few = dialogues[:5]
    for strategy in STRATEGIES:
        expected = ask(engine, few, options(strategy))
        encoded = agreement.encode(engine, few, range(len(few)))
        abandoned = engine.decode(encoded, options(strategy), list(range(len(few))))
        for _ in range(3):
            abandoned.advance()
        del abandoned, encoded
        assert words(ask(engine, few, options(strategy))) == words(expected)


def test_replies_that_are_decoded_in_turns_do_not_mix(
    engine: CudaEngine, dialogues: Sequence[Dialogue]
) -> None:
    few, config = dialogues[:4], options("top-k 10")
    halves = [few[:2], few[2:]]
    expected = [words(ask(engine, half, config)) for half in halves]
    decodings = [
        engine.decode(agreement.encode(engine, half, range(2)), config, [0, 1]) for half in halves
    ]
    while sum(decoding.advance() for decoding in decodings):
        pass
    found = [words([decoding.results(0), decoding.results(1)]) for decoding in decodings]
    assert found == expected
