"""Every system on the native engine: eager's replies, however they are asked for."""

import asyncio
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mime_fast import AsyncGenerator, GenerationConfig, Generator, checkpoint, drafts
from mime_fast.checkpoint import DRAFTS
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS, NEGATIVE, POSITIVE
from mime_fast.engines import create_engine
from mime_fast.engines.base import EncoderBatch
from mime_fast.engines.native import NativeEngine
from mime_fast.systems import SYSTEMS
from mime_fast.systems.multi_tr import MultiTr
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.types import FloatArray, Response

FORMS: dict[str, dict[str, Any]] = {
    "mimicry": {"mimicry": False},
    "grouping": {"grouping": False, "num_layers": 2},
    "stochastic": {"stochastic": False, "shared_response_encoder": False},
    "own classes": {"share_emotion_embedding": False},
    "no ablation left": {"grouping": False, "stochastic": False, "share_emotion_embedding": False},
    "multi_tr": {"architecture": "multi_tr", "num_layers": 2},
    "moel": {"architecture": "moel", "tie_embeddings": True},
    "moel, all": {"architecture": "moel", "top_listeners": 0, "num_layers": 2},
}
MESSAGES = ["I lost my dog.", "no", "we have a good dog, and it is so good! :)", "I am so sorry"]
SEARCHES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "forced": {"emotion": "sad", "return_scores": True},
    "beams": {"num_beams": 4, "num_return_sequences": 2},
    "sampled": {"do_sample": True, "top_k": 9, "num_return_sequences": 2},
    "consensus": {"do_sample": True, "mbr_samples": 5},
}


@pytest.fixture(scope="module", params=[*FORMS, "mime_base"])
def folder(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    save_tiny: Callable[..., Path],
    save_tiny_base: Callable[..., Path],
    tiny_config: ModelConfig,
) -> Path:
    path = tmp_path_factory.mktemp("systems") / "model"
    if request.param == "mime_base":
        return save_tiny_base(path)
    return save_tiny(path, form_of(tiny_config, FORMS[request.param]))


def form_of(config: ModelConfig, options: dict[str, Any]) -> ModelConfig:
    """The same sizes; what belongs to another system is left out."""
    values = config.to_dict() | options
    if "architecture" in options:
        del values["latent_dim"]
    return ModelConfig.from_dict(values)


def tokens(generator: Generator, messages: list[str], **options: Any) -> list[list[list[int]]]:
    replies = generator.respond_batch(messages, seed=3, **options)
    return [[each.tokens for each in reply.candidates] for reply in replies]


@pytest.mark.parametrize("search", SEARCHES)
def test_replies_are_those_of_eager(folder: Path, search: str) -> None:
    options, eager = SEARCHES[search], Generator(folder, engine="eager")
    if "emotion" in options and not eager.engine.config.reads_emotion:
        pytest.skip("nothing that its replies depend on can be forced")
    expected = tokens(eager, MESSAGES, **options)
    for compute_type in ("float32", "int8"):
        for threads in (1, 3):
            native = Generator(folder, compute_type=compute_type, intra_threads=threads)
            assert tokens(native, MESSAGES, **options) == expected
            for message, reply in zip(MESSAGES, expected, strict=True):
                assert tokens(native, [message], **options) == [reply]
                pieces = list(native.stream(message, seed=3, **options))
                assert [token for piece in pieces for token in piece.tokens] == reply[0]


def test_requests_of_all_searches_at_once_get_the_replies_of_each_alone(folder: Path) -> None:
    generator = Generator(folder, intra_threads=3)
    reads_emotion = generator.engine.config.reads_emotion
    requests = [
        (message, options)
        for options in SEARCHES.values()
        for message in MESSAGES
        if reads_emotion or "emotion" not in options
    ]

    async def ask() -> list[Response]:
        async with AsyncGenerator(generator) as replies:
            return await asyncio.gather(
                *(replies.respond(message, seed=3, **options) for message, options in requests)
            )

    for (message, options), found in zip(requests, asyncio.run(ask()), strict=True):
        alone = generator.respond(message, seed=3, **options)
        assert found.candidates == alone.candidates
        assert (found.emotions, found.mixture) == (alone.emotions, alone.mixture)


def test_no_draft_changes_a_reply(folder: Path) -> None:
    plain = Generator(folder)
    expected = tokens(plain, MESSAGES)
    generated = [tuple(reply[0]) for reply in expected]
    drafts.save_table(drafts.count([*generated, *generated]), folder / DRAFTS)
    try:
        drafted = Generator(folder, intra_threads=3)
        assert tokens(drafted, MESSAGES) == expected
        assert [tokens(drafted, [message])[0] for message in MESSAGES] == expected
    finally:
        (folder / DRAFTS).unlink()


def encode(
    generator: Generator, emotion: int | None = None, messages: list[str] = MESSAGES
) -> EncoderBatch:
    config = generator.engine.config
    dialogues = [encode_dialogue(generator.tokenizer, [message], 64) for message in messages]
    shape = len(messages), config.latents, config.noise_dim
    noise = np.random.default_rng(0).standard_normal(shape, np.float32)
    return generator.engine.encode(dialogues, noise, emotion)


def shares(encoded: EncoderBatch) -> FloatArray:
    """Shares of all emotions, (n, 32), in the order of their ids."""
    together = np.concatenate([encoded.positive_mixture, encoded.negative_mixture], axis=1)
    return together[:, np.argsort([*POSITIVE, *NEGATIVE])]


@pytest.mark.parametrize("emotion", [None, 5, 16])
def test_what_was_found_out_is_what_eager_found_out(folder: Path, emotion: int | None) -> None:
    native, eager = (
        encode(Generator(folder, engine=engine), emotion) for engine in ("native", "eager")
    )
    np.testing.assert_allclose(native.emotion_logits, eager.emotion_logits, atol=3e-4)
    np.testing.assert_allclose(shares(native), shares(eager), atol=1e-5)
    np.testing.assert_array_equal(native.mimics_positive, eager.mimics_positive)


def test_the_cuda_engine_says_what_it_does_not_serve(folder: Path) -> None:
    loaded = checkpoint.load(folder)
    config = loaded.config
    if config.system.served_by_cuda(config):
        pytest.skip("it serves this one")
    left_out = f" without {config.ablations[0]}" if config.ablations else ""
    system = config.architecture + left_out
    with pytest.raises(ValueError, match=f"this checkpoint is of {system}; use engine='eager'"):
        create_engine(loaded, engine="cuda")


def test_a_system_that_only_eager_knows_is_named(
    tmp_path: Path,
    save_tiny: Callable[..., Path],
    tiny_config: ModelConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SYSTEMS, "cem", MultiTr())
    loaded = checkpoint.load(save_tiny(tmp_path / "model", tiny_config))
    newer = replace(loaded, config=copy(tiny_config))
    object.__setattr__(newer.config, "architecture", "cem")  # its options do not know it yet
    with pytest.raises(CheckpointError, match=r"moel, multi_tr, .*'cem'; use engine='eager'"):
        NativeEngine(newer)


def test_requests_with_other_listeners_share_their_steps(
    tmp_path: Path, save_tiny: Callable[..., Path], tiny_config: ModelConfig
) -> None:
    """One, five and five others; they join late, and each gets the reply it gets alone."""
    config = form_of(tiny_config, {"architecture": "moel", "num_layers": 2})
    generator = Generator(save_tiny(tmp_path / "moel", config))
    engine = generator.engine
    assert isinstance(engine, NativeEngine)
    free, forced = encode(generator), encode(generator, EMOTIONS.index("joyful"))
    assert ((shares(free) > 0).sum(1) == 5).all()
    assert ((shares(forced) > 0).sum(1) == 1).all()
    assert len({tuple(np.flatnonzero(row)) for row in shares(free)}) > 1
    together = [each for pair in zip(free.memory, forced.memory, strict=True) for each in pair]
    for options in (GenerationConfig(), GenerationConfig(num_beams=3)):
        decoding = engine.engine.decode(together[:3], options, [0] * 3)
        for late in together[3:]:
            decoding.advance()
            decoding.join(late, 0)
        decoding.run()
        for request, encoded in enumerate(together):
            alone = engine.engine.decode([encoded], options, [0])
            alone.run()
            assert decoding.results(request) == alone.results(0)
