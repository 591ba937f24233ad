"""The native engine against the eager one, and how an engine is chosen."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mime_fast import checkpoint
from mime_fast.checkpoint import Checkpoint
from mime_fast.config import ModelConfig
from mime_fast.engines import create_engine
from mime_fast.engines.base import EncoderBatch, Engine
from mime_fast.text.tokenizer import CLS, SOS, SYS, UNK, USR
from mime_fast.types import Dialogue, FloatArray, IntArray

POSITIONS = 64  # of the tiny checkpoints
# Logits of these networks are of size 9. Against float64, float32 rounding alone moves eager's by
# 1.1e-4 and native's by 6e-5 (the authors' form, last position).
ATOL = 3e-4

Engines = tuple[Engine, Engine]


@pytest.fixture(scope="module", params=["tiny_checkpoint", "authors_form"])
def loaded(request: pytest.FixtureRequest) -> Checkpoint:
    path: Path = request.getfixturevalue(request.param)
    return checkpoint.load(path)


@pytest.fixture(scope="module")
def engines(loaded: Checkpoint) -> Engines:
    return create_engine(loaded, engine="native"), create_engine(loaded, engine="eager")


def random_dialogue(engine: Engine, length: int, generator: np.random.Generator) -> Dialogue:
    """CLS and length - 1 words of a few turns, unknown words among them."""
    words = generator.integers(CLS + 1, engine.config.vocab_size, length - 1)
    words[generator.random(length - 1) < 0.1] = UNK
    turns = np.sort(generator.integers(0, 4, length - 1)) % 2
    return Dialogue([CLS, *words.tolist()], [CLS, *np.where(turns, SYS, USR).tolist()])


def random_tokens(engine: Engine, rows: int, generator: np.random.Generator) -> IntArray:
    return generator.integers(CLS + 1, engine.config.vocab_size, rows)


def encode(
    engines: Engines, lengths: tuple[int, ...], emotion: int | None = None, seed: int = 0
) -> tuple[EncoderBatch, EncoderBatch]:
    generator = np.random.default_rng(seed)
    dialogues = [random_dialogue(engines[0], length, generator) for length in lengths]
    shape = len(lengths), engines[0].config.latents, engines[0].config.latent_dim
    noise = generator.standard_normal(shape, np.float32)
    native, eager = (engine.encode(dialogues, noise, emotion) for engine in engines)
    return native, eager


def check_close(actual: FloatArray, expected: FloatArray) -> None:
    assert actual.dtype == expected.dtype == np.float32
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize("lengths", [(1,), (2,), (9,), (POSITIONS,), (1, 30, 2, POSITIONS, 9)])
@pytest.mark.parametrize("emotion", [None, 5, 16])
def test_the_encoder_side_agrees(
    engines: Engines, lengths: tuple[int, ...], emotion: int | None
) -> None:
    for seed in range(3):
        native, eager = encode(engines, lengths, emotion, seed)
        check_close(native.emotion_logits, eager.emotion_logits)
        check_close(native.positive_mixture, eager.positive_mixture)
        check_close(native.negative_mixture, eager.negative_mixture)
        np.testing.assert_array_equal(native.mimics_positive, eager.mimics_positive)
        assert native.positive_mixture.shape == (len(lengths), 13)
        assert native.negative_mixture.shape == (len(lengths), 19)
        np.testing.assert_allclose(native.positive_mixture.sum(-1), 1, rtol=1e-5)
        np.testing.assert_allclose(native.negative_mixture.sum(-1), 1, rtol=1e-5)


@pytest.mark.parametrize(("emotion", "positive"), [(16, True), (5, False)])  # joyful, sad
def test_a_forced_emotion_decides_which_group_is_mimicked(
    engines: Engines, emotion: int, *, positive: bool
) -> None:
    for encoded in encode(engines, (3, 8, 20), emotion):
        assert (encoded.mimics_positive == positive).all()


def test_both_groups_are_recognised(engines: Engines) -> None:
    native, _ = encode(engines, tuple(range(2, 40)))
    assert 0 < native.mimics_positive.sum() < len(native.mimics_positive)


@pytest.mark.parametrize("lengths", [(1,), (POSITIONS,), (1, 30, 2, 9)])
def test_logits_agree_at_every_step_to_the_last_position(
    engines: Engines, lengths: tuple[int, ...]
) -> None:
    encoded = encode(engines, lengths)
    rows = range(len(lengths))
    states = [engine.start(each, rows) for engine, each in zip(engines, encoded, strict=True)]
    generator = np.random.default_rng(1)
    tokens = np.full(len(lengths), SOS)
    for _ in range(POSITIONS):
        native, eager = (
            engine.step(state, tokens) for engine, state in zip(engines, states, strict=True)
        )
        check_close(native, eager)
        tokens = random_tokens(engines[0], len(lengths), generator)


def test_rows_fork_move_and_leave(engines: Engines) -> None:
    encoded = encode(engines, (4, 17, 1))
    states = [engine.start(each, [1, 2, 0]) for engine, each in zip(engines, encoded, strict=True)]
    generator = np.random.default_rng(2)
    rows = 3
    choices = [[0, 1, 2], [2, 2, 0, 1, 1, 1], [5, 3, 0], [1, 0], [1, 1, 1, 1, 0], [4]]
    for chosen in choices:
        tokens = random_tokens(engines[0], rows, generator)
        native, eager = (
            engine.step(state, tokens) for engine, state in zip(engines, states, strict=True)
        )
        check_close(native, eager)
        rows = len(chosen)
        states = [
            engine.select(state, np.array(chosen))
            for engine, state in zip(engines, states, strict=True)
        ]


@pytest.mark.parametrize("number", [0, 1])
def test_a_row_knows_nothing_of_the_others(engines: Engines, number: int) -> None:
    engine, encoded = engines[number], encode(engines, (4, 40, 1))[number]
    together = engine.start(encoded, [0, 1, 2, 1])
    alone = engine.start(encoded, [1])
    for tokens in ([SOS] * 4, [9, 8, 7, 10], [7, 11, 12, 7]):
        all_rows = engine.step(together, np.array(tokens))
        check_close(all_rows[1:2], engine.step(alone, np.array(tokens[1:2])))
    assert np.abs(all_rows[1] - all_rows[3]).max() > 0.01


@pytest.mark.parametrize("number", [0, 1])
def test_the_noise_changes_the_mixture_and_the_logits(engines: Engines, number: int) -> None:
    engine, dialogue = engines[number], Dialogue([CLS, 7, 8, 9], [CLS, USR, USR, USR])
    noise = np.random.default_rng(0).standard_normal((2, 2, 12), np.float32)
    encoded = engine.encode([dialogue, dialogue], noise, None)
    assert np.abs(np.diff(encoded.positive_mixture, axis=0)).max() > 0.01
    assert np.abs(np.diff(encoded.negative_mixture, axis=0)).max() > 0.01
    logits = engine.step(engine.start(encoded, [0, 1]), np.array([SOS, SOS]))
    assert np.abs(logits[0] - logits[1]).max() > 0.01


@pytest.mark.parametrize("number", [0, 1])
def test_the_speakers_change_the_emotion(engines: Engines, number: int) -> None:
    dialogues = [Dialogue([CLS, 7, 8], [CLS, speaker, speaker]) for speaker in (USR, SYS)]
    encoded = engines[number].encode(dialogues, np.zeros((2, 2, 12), np.float32), None)
    assert np.abs(np.diff(encoded.emotion_logits, axis=0)).max() > 0.01


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "native"),
        ({"engine": "native", "device": "cpu", "compute_type": "float32"}, "native"),
        ({"engine": "eager", "device": "cpu"}, "eager"),
        ({"engine": "eager", "compute_type": "auto"}, "eager"),
        ({"engine": "native", "compute_type": "bfloat16", "intra_threads": 3}, "native"),
    ],
)
def test_the_engine_is_the_one_that_was_asked_for(
    tiny_checkpoint: Path, options: dict[str, Any], name: str
) -> None:
    assert create_engine(checkpoint.load(tiny_checkpoint), **options).name == name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "fast"}, r"engine must be one of auto, native, eager, cuda, got 'fast'"),
        ({"engine": ""}, r"engine must be one of .*, got ''"),
        ({"compute_type": "int4"}, r"native engine must be .*'bfloat16', got 'int4'"),
        ({"engine": "eager", "compute_type": "int8"}, r"eager engine .* 'float32', got 'int8'"),
        (
            {"intra_threads": 0},
            r"intra_threads must be an integer in \[1, 256\], got 0 .--threads.",
        ),
        ({"intra_threads": True}, r"intra_threads must be an integer .* got True"),
        ({"engine": "eager", "intra_threads": 2}, r"intra_threads=2 is for the native engine"),
        ({"engine": "native", "device": "cuda"}, r"got device='cuda'; use engine='cuda'"),
        ({"engine": "native", "device": "tpu"}, r"got device='tpu'; use .* or engine='eager'"),
        ({"device": "tpu"}, r"got device='tpu'; use .* or engine='eager'"),
        ({"device": "cuda", "compute_type": "int8"}, r"cuda engine .* 'bfloat16', got 'int8'"),
        ({"device": "cuda", "intra_threads": 2}, r"for the native engine; leave it out for cuda"),
        ({"engine": "cuda", "device": "gpu"}, r"must be 'cuda' or 'cuda:N', got 'gpu'"),
        ({"device": "cuda:x"}, r"must be 'cuda' or 'cuda:N', got 'cuda:x'"),
        ({"device": "cuda:99"}, r"device 'cuda:99' cannot be used: .*; or use device='cpu'"),
        ({"engine": "eager", "device": "toaster"}, r"device .*'toaster'.*use 'cpu'"),
        ({"engine": "eager", "device": "cuda:99"}, r"device .*'cuda:99'.*use 'cpu'"),
    ],
)
def test_an_option_that_does_not_fit_is_named(
    tiny_checkpoint: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        create_engine(checkpoint.load(tiny_checkpoint), **options)
    assert "\n" not in str(caught.value)


def test_bfloat16_rounds_the_projection_and_nothing_else(
    tmp_path: Path,
    save_tiny: Callable[..., Path],
    random_tensors: Callable[[ModelConfig], dict[str, FloatArray]],
    tiny_config: ModelConfig,
) -> None:
    weight = random_tensors(tiny_config)["output.weight"]
    rounded = torch.from_numpy(weight).bfloat16().float().numpy()
    exact = checkpoint.load(save_tiny(tmp_path / "exact", tiny_config))
    coarse = checkpoint.load(
        save_tiny(tmp_path / "coarse", tiny_config, {"output.weight": rounded})
    )
    engines = (
        create_engine(exact, compute_type="bfloat16"),
        create_engine(coarse, engine="eager"),
    )
    encoded = encode(engines, (3, 9, 20))
    states = [engine.start(each, [0, 1, 2]) for engine, each in zip(engines, encoded, strict=True)]
    for tokens in ([SOS] * 3, [9, 8, 7]):
        native, eager = (
            engine.step(state, np.array(tokens))
            for engine, state in zip(engines, states, strict=True)
        )
        check_close(native, eager)


def python(code: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def without_torch() -> Callable[..., str]:
    """Runs code, followed by arguments, in an interpreter where importing torch fails."""

    def run(code: str, *arguments: str | Path) -> str:
        return python(f"import sys\nsys.modules['torch'] = None\n{code}", *arguments)

    return run


def test_the_native_engine_imports_no_torch(tiny_checkpoint: Path) -> None:
    code = """if True:
        import sys, mime_fast
        generator = mime_fast.Generator(sys.argv[1])
        generator.respond("I lost my dog", seed=1, do_sample=True)
        generator.respond("I lost my dog", seed=1, num_beams=3)
        print(generator.engine.name, "torch" in sys.modules)"""
    assert python(code, tiny_checkpoint) == "native False\n"


def test_the_native_engine_works_where_torch_is_missing(
    tiny_checkpoint: Path, without_torch: Callable[..., str]
) -> None:
    code = "import mime_fast; print(mime_fast.Generator(sys.argv[1]).respond('hi').text)"
    assert without_torch(code, tiny_checkpoint).strip()


def test_the_eager_engine_names_the_extra_that_it_needs(
    tiny_checkpoint: Path, without_torch: Callable[..., str]
) -> None:
    code = """if True:
        import mime_fast
        try:
            mime_fast.Generator(sys.argv[1], engine="eager")
        except ModuleNotFoundError as error:
            print(error)"""
    assert "pip install 'mime-fast[train]'" in without_torch(code, tiny_checkpoint)
