"""The native engine for models of any shape: against eager, and against itself step by step."""

import select
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast import _C
from mime_fast.checkpoint import Checkpoint
from mime_fast.config import GenerationConfig, ModelConfig
from mime_fast.engines.base import EncoderBatch, Engine
from mime_fast.engines.eager import EagerEngine
from mime_fast.engines.native import NativeEngine
from mime_fast.engines.stepwise import StepwiseSession
from mime_fast.request import emotion_noise
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.text.tokenizer import PAD, SOS
from mime_fast.types import Dialogue, FloatArray
from tests.examples import examples

ATOL = 2e-4  # of logits of size 4, in networks of up to three layers

MakeCheckpoint = Callable[[ModelConfig, int], Checkpoint]
MakeDialogues = Callable[[ModelConfig, list[int], int], list[Dialogue]]

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=4)
SEEDS = st.integers(0, 2**32)
OPTIONS = st.fixed_dictionaries(
    {"max_new_tokens": st.integers(1, 12), "min_new_tokens": st.integers(0, 1)},
    optional={
        "repetition_penalty": st.sampled_from([1.3, 0.7, 100.0]),
        "no_repeat_ngram_size": st.integers(0, 3),
    },
)
STRATEGIES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "greedy": st.fixed_dictionaries({"return_scores": st.booleans()}),
    "beams": st.fixed_dictionaries(
        {
            "num_beams": st.integers(2, 6),
            "length_penalty": st.sampled_from([0.0, 1.0, -1.0]),
            "early_stopping": st.sampled_from([True, False, "never"]),
            "num_return_sequences": st.integers(1, 2),
        }
    ),
    "sampling": st.fixed_dictionaries(
        {
            "do_sample": st.just(True),
            "temperature": st.sampled_from([1.0, 0.7, 3.0]),
            "top_k": st.sampled_from([0, 1, 5, 40, 257]),
            "top_p": st.sampled_from([1.0, 0.8]),
            "min_p": st.sampled_from([0.0, 0.05]),
            "num_return_sequences": st.integers(1, 3),
        }
    ),
}


def any_options() -> st.SearchStrategy[GenerationConfig]:
    strategy = st.one_of(*STRATEGIES.values())
    return st.builds(lambda common, own: GenerationConfig(**common, **own), OPTIONS, strategy)


def draw_noise(config: ModelConfig, count: int, seed: int) -> FloatArray:
    shape = count, config.latents, config.latent_dim
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def check_close(actual: FloatArray, expected: FloatArray) -> None:
    assert actual.dtype == expected.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=0, atol=ATOL)


def step_both(engines: list[Engine], states: list[Any], tokens: list[int]) -> None:
    native, eager = (
        engine.step(state, np.array(tokens)) for engine, state in zip(engines, states, strict=True)
    )
    check_close(native, eager)


@examples(3)
@given(
    data=st.data(),
    lengths=LENGTHS,
    seed=SEEDS,
    threads=st.sampled_from([1, 3]),
    emotion=st.none() | st.integers(0, 31),
)
def test_every_shape_gives_what_eager_gives(
    data: st.DataObject,
    lengths: list[int],
    seed: int,
    threads: int,
    emotion: int | None,
    any_config: st.SearchStrategy[ModelConfig],
    random_checkpoint: MakeCheckpoint,
    random_dialogues: MakeDialogues,
) -> None:
    config = data.draw(any_config)
    loaded = random_checkpoint(config, seed)
    engines: list[Engine] = [NativeEngine(loaded, "float32", threads), EagerEngine(loaded)]
    dialogues, noise = random_dialogues(config, lengths, seed), draw_noise(config, len(lengths), 1)
    encoded = [engine.encode(dialogues, noise, emotion) for engine in engines]
    for name in ("emotion_logits", "positive_mixture", "negative_mixture"):
        check_close(*(getattr(each, name) for each in encoded))
    np.testing.assert_array_equal(encoded[0].mimics_positive, encoded[1].mimics_positive)

    generator = np.random.default_rng(seed)
    rows = generator.integers(0, len(lengths), generator.integers(1, 8)).tolist()
    states = [engine.start(each, rows) for engine, each in zip(engines, encoded, strict=True)]
    step_both(engines, states, [SOS] * len(rows))
    for _ in range(6):
        chosen = generator.integers(0, len(rows), generator.integers(1, 10))
        rows = chosen.tolist()
        states = [e.select(state, chosen) for e, state in zip(engines, states, strict=True)]
        tokens = generator.integers(PAD + 1, config.vocab_size, len(rows))
        step_both(engines, states, tokens.tolist())


# What the shapes above leave out: they are too slow to be drawn often.
EXTREMES: dict[str, tuple[dict[str, Any], list[int]]] = {
    "vocabulary": ({"vocab_size": 50_000}, [3, 17]),
    "hidden": ({"hidden_dim": 512, "key_dim": 64, "num_heads": 8, "num_layers": 2}, [40, 7]),
    "context": ({"max_positions": 1000}, [1000, 1, 999]),
    "least": ({"hidden_dim": 8, "key_dim": 1, "num_heads": 1, "filter_dim": 1}, [1, 2]),
}


@pytest.mark.parametrize(("shape", "lengths"), EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize("compute_type", ["float32", "int8"])
def test_extreme_shapes_give_what_eager_gives(
    shape: dict[str, Any],
    lengths: list[int],
    compute_type: str,
    random_checkpoint: MakeCheckpoint,
    random_dialogues: MakeDialogues,
) -> None:
    small = {"vocab_size": 100, "hidden_dim": 32, "key_dim": 8, "filter_dim": 9, "latent_dim": 8}
    config = ModelConfig(**{**small, "max_positions": 64, **shape})
    loaded = random_checkpoint(config, 5)
    engines: list[Engine] = [NativeEngine(loaded, compute_type, 2), EagerEngine(loaded)]
    noise = draw_noise(config, len(lengths), 1)
    encoded = [each.encode(random_dialogues(config, lengths, 2), noise, None) for each in engines]
    states = [e.start(each, [0, 1, 0]) for e, each in zip(engines, encoded, strict=True)]
    step_both(engines, states, [SOS] * 3)
    for options in (GenerationConfig(), GenerationConfig(num_beams=3)):
        native, eager = (
            results(engine, each, options.replace(max_new_tokens=9), [1] * len(lengths))
            for engine, each in zip(engines, encoded, strict=True)
        )
        assert [[r.tokens for r in each] for each in native] == [
            [r.tokens for r in each] for each in eager
        ]


def results(
    engine: Engine, encoded: EncoderBatch, options: GenerationConfig, seeds: list[int]
) -> list[list[Hypothesis]]:
    decoding = engine.decode(encoded, options, seeds)
    decoding.run()
    return [decoding.results(request) for request in range(len(seeds))]


def check_same(
    actual: list[Hypothesis], expected: list[Hypothesis], tolerance: float, of_all: float
) -> None:
    """Tolerances: of a token's log-probability, and of the reply's."""
    assert [reply.tokens for reply in actual] == [reply.tokens for reply in expected]
    for found, wanted in zip(actual, expected, strict=True):
        assert found.log_prob == pytest.approx(wanted.log_prob, abs=of_all, rel=1e-6)
        assert found.log_probs == pytest.approx(wanted.log_probs, abs=tolerance, rel=1e-6)


@pytest.mark.parametrize("compute_type", ["float32", "bfloat16", "int8"])
@examples(3)
@given(data=st.data(), lengths=LENGTHS, seed=SEEDS, options=any_options())
def test_whole_decodes_are_the_searches_over_their_steps(
    data: st.DataObject,
    lengths: list[int],
    seed: int,
    options: GenerationConfig,
    compute_type: str,
    any_config: st.SearchStrategy[ModelConfig],
    random_checkpoint: MakeCheckpoint,
    random_dialogues: MakeDialogues,
) -> None:
    """The searches of Python read the logits of one step after the other, of all words.

    Logits are handed out in float32 of weights in float32, or in bfloat16.
    """
    config = data.draw(any_config)
    engine = NativeEngine(
        random_checkpoint(config, seed), compute_type, data.draw(st.sampled_from([1, 3]))
    )
    noise = draw_noise(config, len(lengths), seed)
    dialogues = random_dialogues(config, lengths, seed)
    encoded = engine.encode(dialogues, noise, None)
    seeds = [seed + number for number in range(len(lengths))]
    steps = StepwiseSession(engine, encoded, options, seeds)
    steps.run()
    together = results(engine, encoded, options, seeds)
    # What docs/architecture.md states; rounding.
    tolerances = (2e-4, 2e-3) if compute_type == "int8" else (1e-5, 1e-5)
    for request, found in enumerate(together):
        check_same(found, steps.results(request), *tolerances)
        alone = engine.encode([dialogues[request]], noise[request : request + 1], None)
        check_same(results(engine, alone, options, [seeds[request]])[0], found, 0, 0)


@given(data=st.data(), lengths=LENGTHS, seed=SEEDS, threads=st.sampled_from([1, 3]))
def test_requests_at_a_service_get_the_replies_of_each_alone(
    data: st.DataObject,
    lengths: list[int],
    seed: int,
    threads: int,
    any_config: st.SearchStrategy[ModelConfig],
    random_checkpoint: MakeCheckpoint,
    random_dialogues: MakeDialogues,
) -> None:
    config = data.draw(any_config)
    engine = NativeEngine(random_checkpoint(config, seed), threads=threads)
    dialogues = random_dialogues(config, lengths * 3, seed)
    service = _C.Service(engine.engine, 5, len(dialogues))
    expected: dict[int, list[Hypothesis]] = {}
    for number, dialogue in enumerate(dialogues):
        options, noise = data.draw(any_options()), emotion_noise(engine, [number])
        alone = engine.decode(engine.encode([dialogue], noise, None), options, [number])
        alone.run()
        tokens, speakers = np.array(dialogue.tokens), np.array(dialogue.speakers)
        ticket = service.submit(
            tokens=tokens,
            speakers=speakers,
            noise=noise[0],
            emotion=-1,
            config=options,
            seed=number,
        )
        expected[ticket] = alone.results(0)
    found: dict[int, list[Hypothesis]] = {}
    while len(found) < len(expected):
        assert select.select([service.fileno()], [], [], 60)[0]
        found |= {event.ticket: event.replies for event in service.take_events()}
    assert found == expected
