"""The cuda engine, interpreted on the CPU, against the eager one."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from triton.runtime.errors import PTXASError

from mime_fast import Generator, checkpoint, drafts
from mime_fast.checkpoint import DRAFTS
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import EngineError
from mime_fast.engines.cuda import CudaEngine
from mime_fast.engines.cuda.batch import DecodeBatch, DecodeShape
from mime_fast.engines.cuda.device import Device
from mime_fast.engines.eager import EagerEngine
from mime_fast.search.rules import TextRules
from mime_fast.text.tokenizer import CLS, SOS
from mime_fast.types import Dialogue
from tests.engines.test_engines import random_dialogue

ATOL = 3e-4  # as tests/engines/test_engines.py


@pytest.fixture(scope="module", params=["tiny_checkpoint", "authors_form"])
def engines(request: pytest.FixtureRequest) -> tuple[CudaEngine, EagerEngine]:
    return both_engines(request.getfixturevalue(request.param))


@cache
def both_engines(path: Path) -> tuple[CudaEngine, EagerEngine]:
    loaded = checkpoint.load(path)
    return CudaEngine(loaded, "cpu"), EagerEngine(loaded)


@pytest.fixture(scope="module")
def both_encoded(engines: Any) -> Any:
    """Two dialogues, encoded by either engine."""
    return encode_both(engines, (2, 6))


def dialogues(engine: CudaEngine, lengths: tuple[int, ...]) -> list[Dialogue]:
    generator = np.random.default_rng(0)
    return [random_dialogue(engine, length, generator) for length in lengths]


@cache  # the interpreter takes seconds for it
def encode_both(engines: Any, lengths: tuple[int, ...], emotion: int | None = None) -> Any:
    config = engines[0].config
    noise = np.random.default_rng(1).standard_normal((len(lengths), 2, config.latent_dim))
    messages = dialogues(engines[0], lengths)
    return [engine.encode(messages, noise.astype(np.float32), emotion) for engine in engines]


@pytest.mark.parametrize(
    ("lengths", "emotion"), [((1,), None), ((64,), 16), ((1, 30, 2), None)], ids=str
)
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


OPTIONS = [
    {},
    {"min_new_tokens": 6, "return_scores": True},
    {"max_new_tokens": 1},
    {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    {"num_beams": 3, "num_return_sequences": 2},
    {"num_beams": 2, "no_repeat_ngram_size": 1, "early_stopping": False, "max_new_tokens": 5},
    {"num_beams": 2, "early_stopping": "never", "length_penalty": 2.0},
    {"num_beams": 17, "max_new_tokens": 2},
    {"do_sample": True, "top_p": 0.9, "num_return_sequences": 2},
    {"do_sample": True, "top_k": 5, "temperature": 2.0, "repetition_penalty": 0.5},
    {"do_sample": True, "mbr_samples": 3},
    {"do_sample": True, "min_p": 0.1, "return_scores": True, "max_new_tokens": 4},
]


# The interpreter is slow: the authors' form, whose encoder and head differ, has one of each search.
CASES = [
    *(("tiny_checkpoint", options) for options in OPTIONS),
    *(("authors_form", OPTIONS[number]) for number in (0, 4, 8)),
]


@pytest.mark.parametrize(("engines", "options"), CASES, indirect=["engines"], ids=str)
def test_replies_are_eagers(engines: Any, both_encoded: Any, options: dict[str, Any]) -> None:
    config = GenerationConfig(**{"max_new_tokens": 6, **options})
    check_replies(engines, both_encoded, config, None)


@pytest.mark.parametrize("engines", ["tiny_checkpoint"], indirect=True)
@pytest.mark.parametrize("options", [{}, {"num_beams": 2}], ids=str)
def test_the_host_searches_where_there_are_stop_strings(
    engines: Any, both_encoded: Any, options: dict[str, Any]
) -> None:
    config, generated = eager_tokens(engines, both_encoded, options)
    stop = TextRules(stop=lambda tokens: tokens[-1] == generated[3])
    found = list(check_replies(engines, both_encoded, config.replace(stop="."), stop))
    assert min(len(reply.tokens) for reply in found) <= 4
    assert all(generated[3] not in reply.tokens[:-1] for reply in found)


@pytest.mark.parametrize("engines", ["tiny_checkpoint"], indirect=True)
@pytest.mark.parametrize("options", [{}, {"do_sample": True, "num_return_sequences": 2}], ids=str)
def test_the_host_searches_where_there_are_bad_words(
    engines: Any, both_encoded: Any, options: dict[str, Any]
) -> None:
    config, generated = eager_tokens(engines, both_encoded, options)
    bad = TextRules(bad_words=((generated[0],), generated[2:4]))
    found = check_replies(engines, both_encoded, config.replace(bad_words="."), bad)
    assert all(generated[0] not in reply.tokens for reply in found)


def eager_tokens(
    engines: Any, encoded: Any, options: dict[str, Any]
) -> tuple[GenerationConfig, tuple[int, ...]]:
    """The options of a reply of six tokens, and these tokens."""
    config = GenerationConfig(max_new_tokens=6, min_new_tokens=6, **options)
    plain = engines[1].decode(encoded[1], config, [1, 2])
    plain.run()
    return config, plain.results(0)[0].tokens


def check_replies(
    engines: Any, encoded: Any, config: GenerationConfig, rules: TextRules | None
) -> Any:
    """Those to the first request."""
    cuda, eager = (
        e.decode(each, config, [1, 2], rules) for e, each in zip(engines, encoded, strict=True)
    )
    cuda.run()
    while eager.advance():
        pass
    for request in range(2):
        for ours, theirs in zip(cuda.results(request), eager.results(request), strict=True):
            assert ours.tokens == theirs.tokens
            assert ours.log_probs == pytest.approx(theirs.log_probs, abs=ATOL)
    return cuda.results(0)


def test_log_probabilities_are_eagers(tiny_checkpoint: Path) -> None:
    options: dict[str, Any] = {"logprobs": 2, "seed": 1, "max_new_tokens": 3, "min_new_tokens": 3}
    cuda = Generator(tiny_checkpoint, engine="cuda", device="cpu")
    *_, last = cuda.stream("no dog", num_beams=2, num_return_sequences=2, **options)
    eager = Generator(tiny_checkpoint, engine="eager")
    expected = eager.respond("no dog", num_beams=2, num_return_sequences=2, **options)
    assert last.response is not None
    for ours, theirs in zip(last.response.candidates, expected.candidates, strict=True):
        assert ours.tokens == theirs.tokens
        for one, other in zip(ours.logprobs or [], theirs.logprobs or [], strict=True):
            assert one.logprob == pytest.approx(other.logprob, abs=ATOL)
            assert [top.token for top in one.top] == [top.token for top in other.top]
            assert [top.logprob for top in one.top] == pytest.approx(
                [top.logprob for top in other.top], abs=ATOL
            )
        assert len(ours.logprobs or []) == 3


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> CudaEngine:
    return CudaEngine(checkpoint.load(tiny_checkpoint), "cpu")


def encode(engine: CudaEngine, lengths: tuple[int, ...]) -> Any:
    noise = np.zeros((len(lengths), 2, engine.config.latent_dim), np.float32)
    return engine.encode(dialogues(engine, lengths), noise, None)


FOUR = GenerationConfig(max_new_tokens=4)


@pytest.mark.parametrize(
    "options", [FOUR, FOUR.replace(num_beams=2), FOUR.replace(do_sample=True)], ids=["1", "2", "s"]
)
def test_a_reply_can_be_watched_step_by_step(engine: CudaEngine, options: GenerationConfig) -> None:
    encoded = encode(engine, (2, 5))
    whole, steps = (engine.decode(encoded, options, [3, 4]) for _ in range(2))
    whole.run()
    seen = 0
    assert steps.agreed(0) == ()
    while steps.advance():
        assert len(steps.agreed(0)) >= seen
        seen = len(steps.agreed(0))
        assert steps.leader(0).tokens[:seen] == steps.agreed(0)
    for request in (0, 1):
        for one, other in zip(steps.results(request), whole.results(request), strict=True):
            assert one.tokens == other.tokens


def answers(engine: CudaEngine, encoded: Any, options: GenerationConfig) -> list[Any]:
    decoding = engine.decode(encoded, options, range(len(encoded.memory.lengths)))
    decoding.run()
    return [decoding.results(request) for request in range(len(encoded.memory.lengths))]


def test_many_requests_wait_for_places(engine: CudaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = encode(engine, (3, 9, 1))
    together = answers(engine, encoded, FOUR)
    monkeypatch.setattr("mime_fast.engines.cuda.decoding.MOST_BATCH_ROWS", 2)
    assert answers(engine, encoded, FOUR) == together
    monkeypatch.setattr("mime_fast.engines.cuda.engine.MOST_ENCODED", 2)
    again = encode(engine, (3, 9, 1))
    np.testing.assert_array_equal(again.emotion_logits, encoded.emotion_logits)
    assert answers(engine, again, FOUR) == together


def count_steps(engine: CudaEngine, encoded: Any, options: GenerationConfig) -> tuple[int, Any]:
    decoding = engine.decode(encoded, options, [0] * len(encoded.memory.lengths))
    steps = 0
    while decoding.advance():
        steps += 1
    return steps, [decoding.results(request) for request in range(len(encoded.memory.lengths))]


@pytest.mark.parametrize(("right", "penalty"), [(True, 1.2), (False, 1.0)])
def test_drafts_change_how_many_steps_there_are_and_nothing_else(
    tiny_checkpoint: Path, engine: CudaEngine, tmp_path: Path, right: bool, penalty: float
) -> None:
    """Right ones are kept all at once; wrong ones, and ones that are right at first, are not."""
    options = GenerationConfig(
        max_new_tokens=10, min_new_tokens=9, return_scores=True, repetition_penalty=penalty
    )
    encoded = encode(engine, (3, 2))
    plain_steps, expected = count_steps(engine, encoded, options)
    generated = [reply.tokens for (reply,) in expected]
    if not right:
        generated = [(*tokens[:2], 9, *tokens[3:5], 11, 12) for tokens in generated]
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "drafted")
    drafts.save_table(
        drafts.count([tokens for tokens in generated for _ in range(2)]), folder / DRAFTS
    )
    drafting = CudaEngine(checkpoint.load(folder), "cpu")
    steps, found = count_steps(drafting, encode(drafting, (3, 2)), options)
    for (ours,), (theirs,) in zip(found, expected, strict=True):
        assert ours.tokens == theirs.tokens
        assert ours.log_probs == pytest.approx(theirs.log_probs, abs=ATOL)
    assert steps < plain_steps / 2 if right else steps <= plain_steps
    without = options.replace(speculation=False)
    assert count_steps(drafting, encode(drafting, (3,)), without)[0] == len(expected[0][0].tokens)


@pytest.mark.parametrize(
    ("options", "steps"),
    [(FOUR, 2), (FOUR.replace(do_sample=True), 2), (FOUR, 9)],  # all others have ended after 4
    ids=["greedy", "sampled", "ended"],
)
def test_a_late_request_gets_the_reply_it_gets_alone(
    engine: CudaEngine, options: GenerationConfig, steps: int
) -> None:
    first, second = encode(engine, (2, 5)), encode(engine, (3, 33))
    decoding: Any = engine.decode(first, options, [5, 6])
    for _ in range(steps):
        decoding.advance()
    assert decoding.join(second.memory[1], [7]) == 2
    decoding.run()
    alone = engine.decode(first, options, [5, 6])
    alone.run()
    late: Any = engine.decode(first, options, [])
    late.join(second.memory[1], [7])
    late.run()
    assert [decoding.results(request) for request in range(3)] == [
        alone.results(0),
        alone.results(1),
        late.results(0),
    ]


def test_decoding_that_is_given_up_leaves_no_trace(engine: CudaEngine) -> None:
    encoded = encode(engine, (2, 6))
    expected = answers(engine, encoded, FOUR)
    given_up = engine.decode(encoded, FOUR, [0, 0])
    given_up.advance()
    del given_up
    assert answers(engine, encoded, FOUR) == expected


class SmallMemory:
    """Refuses batches that are larger than there is room for, as a GPU does."""

    def __init__(self, engine: CudaEngine, most: int) -> None:
        self.engine, self.most, self.refused = engine, most, 0

    def decode_batch(self, shape: DecodeShape) -> DecodeBatch:
        if shape.places > self.most:
            self.refused += 1
            raise torch.OutOfMemoryError("no room")
        return Device.decode_batch(self.engine.gpu, shape)


def test_a_smaller_batch_is_tried_where_there_is_no_memory(
    engine: CudaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = encode(engine, (3, 9, 1, 2))
    expected = answers(engine, encoded, FOUR)
    memory = SmallMemory(engine, 2)
    monkeypatch.setattr(engine.gpu, "decode_batch", memory.decode_batch)
    assert answers(engine, encoded, FOUR) == expected
    assert memory.refused == 1  # 4 places
    memory.most = 0
    with pytest.raises(MemoryError, match="no memory left for one reply; ask for fewer beams"):
        answers(engine, encoded, FOUR)


def test_logits_that_are_not_finite_are_an_error(tiny_checkpoint: Path) -> None:
    """No word may be read from beyond the table, and nobody gets such a reply."""
    broken = CudaEngine(checkpoint.load(tiny_checkpoint), "cpu")
    broken.model.system.projection.reply_bias.fill_(torch.nan)
    for options in (FOUR, FOUR.replace(num_beams=2), FOUR.replace(do_sample=True)):
        with (
            np.errstate(invalid="ignore"),
            pytest.raises(ValueError, match="logits must be finite or -inf, got NaN or"),
        ):
            answers(broken, encode(broken, (3,)), options)


def test_what_a_launch_fails_with_is_named(engine: CudaEngine) -> None:
    """Not every library has a type for memory that ends; a compiler that fails is named."""
    with pytest.raises(torch.OutOfMemoryError, match="Triton"), engine.gpu.launching():
        raise RuntimeError("Triton Error [CUDA]: out of memory")
    with pytest.raises(torch.OutOfMemoryError, match="bad_alloc"), engine.gpu.launching():
        raise MemoryError("std::bad_alloc")
    with pytest.raises(RuntimeError, match="another"), engine.gpu.launching():
        raise RuntimeError("another")
    compiler = pytest.raises(EngineError, match=r"could not be compiled for cpu .*use device='cpu'")
    with compiler, engine.gpu.launching():
        raise PTXASError("sm_12")


@pytest.mark.parametrize("threads", [3])
def test_threads_take_turns(engine: CudaEngine, threads: int) -> None:
    encoded = encode(engine, (2, 6))
    expected = answers(engine, encoded, FOUR)
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda _: answers(engine, encode(engine, (2, 6)), FOUR), range(threads))
        assert list(found) == [expected] * threads


def test_half_precision_is_close(tiny_checkpoint: Path, engine: CudaEngine) -> None:
    """Only matrices are rounded; bfloat16 is beyond Triton's interpreter."""
    half = CudaEngine(checkpoint.load(tiny_checkpoint), "cpu", "float16")
    assert half.model.system.projection.weight.dtype == torch.float16
    close, exact = (e.step(e.start(encode(e, (9,)), [0]), np.array([SOS])) for e in (half, engine))
    assert 0 < np.abs(close - exact).max() < 0.05


def test_a_generator_answers_with_it(tiny_checkpoint: Path) -> None:
    """A user's call with engine="cuda"; device="cpu" stands for "cuda" without a GPU."""
    generator = Generator(tiny_checkpoint, engine="cuda", device="cpu")
    generator.warmup(lengths=[3], max_new_tokens=3)
    options: dict[str, Any] = {"seed": 4, "max_new_tokens": 5}
    expected = Generator(tiny_checkpoint, engine="eager").respond("I lost my dog.", **options)
    found = generator.respond("I lost my dog.", **options)
    assert (found.text, found.emotion, found.score) == (
        expected.text, expected.emotion, expected.score
    )  # fmt: skip
    pieces = list(generator.stream("I lost my dog.", num_beams=2, **options))
    whole = generator.respond("I lost my dog.", num_beams=2, **options)
    assert "".join(piece.text for piece in pieces) == whole.text
