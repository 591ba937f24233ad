"""The cuda engine, interpreted on the CPU, against the eager one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mime_fast import checkpoint
from mime_fast.config import GenerationConfig
from mime_fast.engines.cuda import CudaEngine
from mime_fast.engines.eager import EagerEngine
from mime_fast.text.tokenizer import CLS, SOS, SYS, UNK, USR
from mime_fast.types import Dialogue

ATOL = 3e-4  # as tests/engines/test_engines.py


@pytest.fixture(scope="module", params=["tiny_checkpoint", "authors_form"])
def engines(request: pytest.FixtureRequest) -> tuple[CudaEngine, EagerEngine]:
    path: Path = request.getfixturevalue(request.param)
    loaded = checkpoint.load(path)
    return CudaEngine(loaded, "cpu"), EagerEngine(loaded)


def dialogues(vocabulary: int, lengths: tuple[int, ...]) -> list[Dialogue]:
    generator = np.random.default_rng(0)
    made = []
    for length in lengths:
        words = generator.integers(CLS + 1, vocabulary, length - 1)
        words[generator.random(length - 1) < 0.1] = UNK
        turns = np.sort(generator.integers(0, 4, length - 1)) % 2
        speakers = np.where(turns, SYS, USR).tolist()
        made.append(Dialogue([CLS, *words.tolist()], [CLS, *speakers]))
    return made


def encode_both(engines: Any, lengths: tuple[int, ...], emotion: int | None = None) -> Any:
    config = engines[0].config
    noise = np.random.default_rng(1).standard_normal((len(lengths), 2, config.latent_dim))
    messages = dialogues(config.vocab_size, lengths)
    return [engine.encode(messages, noise.astype(np.float32), emotion) for engine in engines]


@pytest.mark.parametrize("lengths", [(1,), (64,), (1, 30, 2, 9)])
@pytest.mark.parametrize("emotion", [None, 16])
def test_the_encoder_side_agrees(
    engines: Any, lengths: tuple[int, ...], emotion: int | None
) -> None:
    cuda, eager = encode_both(engines, lengths, emotion)
    for name in ("emotion_logits", "positive_mixture", "negative_mixture"):
        np.testing.assert_allclose(getattr(cuda, name), getattr(eager, name), rtol=0, atol=ATOL)
    np.testing.assert_array_equal(cuda.mimics_positive, eager.mimics_positive)


def test_rows_fork_move_and_leave(engines: Any) -> None:
    encoded = encode_both(engines, (4, 17, 1))
    states: list[Any] = [
        engines[0].start(encoded[0], [1, 2, 0], steps=2),  # and grows
        engines[1].start(encoded[1], [1, 2, 0]),
    ]
    generator = np.random.default_rng(2)
    tokens = np.full(3, SOS)
    for chosen in [[0, 1, 2], [2, 2, 0, 1, 1, 1], [5, 3, 0], [1, 0], [1, 1, 1, 1, 0], [4]]:
        cuda, eager = (e.step(state, tokens) for e, state in zip(engines, states, strict=True))
        assert cuda.dtype == eager.dtype == np.float32
        np.testing.assert_allclose(cuda, eager, rtol=0, atol=ATOL)
        kept = np.array(chosen) % len(tokens)
        states = [e.select(state, kept) for e, state in zip(engines, states, strict=True)]
        tokens = generator.integers(CLS + 1, engines[0].config.vocab_size, len(kept))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_new_tokens": 8, "return_scores": True},
        {"max_new_tokens": 1},
        {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
        {"repetition_penalty": 0.5, "return_scores": True},
        {"num_beams": 3, "num_return_sequences": 2},
        {"num_beams": 2, "no_repeat_ngram_size": 1, "early_stopping": False, "max_new_tokens": 5},
        {"num_beams": 17, "max_new_tokens": 3},
        {"do_sample": True, "top_p": 0.9, "num_return_sequences": 2},
        {"do_sample": True, "top_k": 5, "temperature": 2.0, "return_scores": True},
        {"do_sample": True, "min_p": 0.1, "repetition_penalty": 2.0, "max_new_tokens": 4},
    ],
    ids=str,
)
def test_replies_are_eagers(engines: Any, options: dict[str, Any]) -> None:
    config = GenerationConfig(**{"max_new_tokens": 8, **options})
    encoded = encode_both(engines, (5, 17, 1))
    cuda, eager = (
        e.decode(each, config, [1, 2, 3]) for e, each in zip(engines, encoded, strict=True)
    )
    cuda.run()
    while eager.advance():
        pass
    for request in range(3):
        for ours, theirs in zip(cuda.results(request), eager.results(request), strict=True):
            assert ours.tokens == theirs.tokens
            assert ours.log_probs == pytest.approx(theirs.log_probs, abs=ATOL)


def test_a_reply_can_be_watched_step_by_step(engines: Any) -> None:
    engine = engines[0]
    encoded, _ = encode_both(engines, (5, 9))
    whole = engine.decode(encoded, GenerationConfig(max_new_tokens=10), [0, 0])
    whole.run()
    steps = engine.decode(encoded, GenerationConfig(max_new_tokens=10), [0, 0])
    seen = 0
    while steps.advance():
        assert len(steps.agreed(0)) >= seen
        seen = len(steps.agreed(0))
        assert steps.leader(0).tokens == steps.agreed(0)
    assert [steps.results(i) for i in (0, 1)] == [whole.results(i) for i in (0, 1)]
