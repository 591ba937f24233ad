"""mime-base on the cuda engine, interpreted on the CPU, against the eager one.

Interpreted, a program takes milliseconds however little it computes. So the model is as small as
can be, and a program computes as many columns as it has.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.workload import TINY_BASE
from mime_fast import Generator, checkpoint, drafts
from mime_fast.checkpoint import DRAFTS, Checkpoint
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import EncoderBatch, Engine
from mime_fast.engines.cuda import CudaEngine
from mime_fast.engines.eager import EagerEngine
from mime_fast.kernels import linear, project
from mime_fast.relevance import WIDTH, save_table
from mime_fast.text.subword_tokenizer import SubwordTokenizer
from mime_fast.text.tokenizer import CLS, SYS, USR
from mime_fast.types import Dialogue

ATOL = 3e-4  # as tests/engines/test_engines.py
# The tokenisers say how large the vocabularies are.
SHAPE = {name: size for name, size in TINY_BASE.items() if not name.endswith("vocab_size")}
Engines = tuple[CudaEngine, EagerEngine]


@pytest.fixture(scope="module", autouse=True)
def wide_programs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "ROW_COLUMNS", 64)
        patch.setattr(project, "LEAST_WORDS", 512)
        patch.setattr("mime_fast.engines.cuda.decoding.CHECKED", 1)
        yield


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory,
    save_tiny_base: Callable[..., Path],
    tiny_subwords: SubwordTokenizer,
) -> Checkpoint:
    folder = save_tiny_base(tmp_path_factory.mktemp("base") / "model", **SHAPE)
    size = tiny_subwords.context_vocab_size, WIDTH
    table = np.random.default_rng(3).normal(size=size).astype(np.float32)
    save_table(table, folder / "relevance.safetensors")
    return checkpoint.load(folder)


@pytest.fixture(scope="module")
def engines(loaded: Checkpoint) -> Engines:
    return CudaEngine(loaded, "cpu"), EagerEngine(loaded)


def encode(engine: Engine, lengths: tuple[int, ...], emotion: int | None = None) -> EncoderBatch:
    config, generator = engine.config, np.random.default_rng(0)
    dialogues = [
        Dialogue(
            [CLS, *generator.integers(CLS + 1, config.context_vocab_size, n - 1).tolist()],
            [CLS, *np.where(np.arange(n - 1) % 5 > 2, SYS, USR).tolist()],
        )
        for n in lengths
    ]
    shape = len(lengths), config.latents, config.noise_dim
    return engine.encode(dialogues, generator.standard_normal(shape, np.float32), emotion)


@pytest.mark.parametrize(("lengths", "emotion"), [((3, 17), None), ((2,), 16)], ids=str)
def test_the_encoder_side_agrees(
    engines: Engines, lengths: tuple[int, ...], emotion: int | None
) -> None:
    cuda, eager = (encode(engine, lengths, emotion) for engine in engines)
    for name in ("emotion_logits", "positive_mixture", "negative_mixture"):
        np.testing.assert_allclose(getattr(cuda, name), getattr(eager, name), rtol=0, atol=ATOL)
    np.testing.assert_array_equal(cuda.mimics_positive, eager.mimics_positive)
    found = cuda.memory.parts[0].memory.conditioning.numpy()
    expected = np.concatenate([part.conditioning.numpy() for part in eager.memory])
    np.testing.assert_allclose(found, expected, rtol=0, atol=ATOL)


SEARCHES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 6), {}),
    ((2, 6), {"num_beams": 2, "repetition_penalty": 1.3}),
    ((6,), {"do_sample": True, "top_p": 0.9, "num_return_sequences": 2}),
]


@pytest.mark.parametrize(("lengths", "options"), SEARCHES, ids=str)
def test_replies_are_eagers(
    engines: Engines, lengths: tuple[int, ...], options: dict[str, Any]
) -> None:
    config, seeds = GenerationConfig(max_new_tokens=3, return_scores=True, **options), [1, 2]
    cuda, eager = (
        engine.decode(encode(engine, lengths), config, seeds[: len(lengths)]) for engine in engines
    )
    cuda.run()
    eager.run()
    for request in range(len(lengths)):
        for ours, theirs in zip(cuda.results(request), eager.results(request), strict=True):
            assert ours.tokens == theirs.tokens
            assert ours.log_probs == pytest.approx(theirs.log_probs, abs=ATOL)


def test_drafts_change_no_reply(engines: Engines, loaded: Checkpoint, tmp_path: Path) -> None:
    """Right ones, and after two words a wrong one."""
    options = GenerationConfig(max_new_tokens=6, min_new_tokens=5)
    eager = engines[1].decode(encode(engines[1], (3, 2)), options, [0, 0])
    eager.run()
    expected = [eager.results(request)[0].tokens for request in range(2)]
    taught = [expected[0], (*expected[1][:2], 9, *expected[1][3:])]
    folder = shutil.copytree(loaded.weights.parent, tmp_path / "drafted")
    drafts.save_table(drafts.count([reply for reply in taught for _ in range(2)]), folder / DRAFTS)
    drafting = CudaEngine(checkpoint.load(folder), "cpu")
    decoding = drafting.decode(encode(drafting, (3, 2)), options, [0, 0])
    steps = 0
    while decoding.advance():
        steps += 1
    assert [decoding.results(request)[0].tokens for request in range(2)] == expected
    assert steps < len(expected[0])


def test_rows_fork_on_the_host(engines: Engines) -> None:
    """What streams and wide beams use; the caches grow with the second step."""
    states: list[Any] = [
        engines[0].start(encode(engines[0], (4,)), [0], steps=1),
        engines[1].start(encode(engines[1], (4,)), [0]),
    ]
    for tokens, rows in (([6], [0, 0]), ([9, 7], [1])):
        found = engines[0].step(states[0], np.array(tokens))
        expected = engines[1].step(states[1], np.array(tokens))
        np.testing.assert_allclose(found, expected, rtol=0, atol=ATOL)
        kept = np.array(rows)
        states = [engines[0].select(states[0], kept), engines[1].select(states[1], kept)]


def test_half_precision_is_close(engines: Engines, loaded: Checkpoint) -> None:
    """float16 rounds the matrices that int8 and its scales stand for."""
    half = CudaEngine(loaded, "cpu", "float16")
    assert half.model.system.projection.weight.dtype.itemsize == 2
    assert engines[0].model.system.projection.weight.dtype.itemsize == 1
    close, exact = (
        engine.step(engine.start(encode(engine, (9,)), [0]), np.array([6]))
        for engine in (half, engines[0])
    )
    assert 0 < np.abs(close - exact).max() < 0.1


def test_a_generator_answers_with_it(loaded: Checkpoint) -> None:
    """The defaults of mime-base: samples, the best of which is returned."""
    folder = loaded.weights.parent
    options: dict[str, Any] = {"seed": 4, "max_new_tokens": 2, "do_sample": True, "best_of": 2}
    found, expected = (
        Generator(folder, engine=engine, device="cpu").respond("I lost my dog.", **options)
        for engine in ("cuda", "eager")
    )
    assert (found.text, found.emotion) == (expected.text, expected.emotion)
    assert [each.tokens for each in found.candidates] == [
        each.tokens for each in expected.candidates
    ]
