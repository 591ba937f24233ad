"""Requests that wait for room in a batch, or come while others are answered."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mime_fast import _C, GenerationConfig, Generator, checkpoint
from mime_fast.checkpoint import Checkpoint
from mime_fast.config import ModelConfig
from mime_fast.engines.base import EncoderBatch
from mime_fast.engines.native import NativeEngine
from mime_fast.search.rules import text_rules
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.tokenizer import CLS, USR
from mime_fast.types import Dialogue

MESSAGES = ["I lost my dog.", "we won!", "I am so tired of it all", "she left me yesterday."]
OPTIONS = [
    GenerationConfig(),
    GenerationConfig(num_beams=5),
    GenerationConfig(do_sample=True, num_return_sequences=2),
]


@pytest.fixture(scope="module")
def generator(tiny_checkpoint: Path) -> Generator:
    return Generator(tiny_checkpoint)


def encode(generator: Generator, message: str) -> EncoderBatch:
    config = generator.engine.config
    dialogue = encode_dialogue(generator.tokenizer, [message], config.max_positions)
    noise = np.zeros((1, config.latents, config.latent_dim), np.float32)
    return generator.engine.encode([dialogue], noise, None)


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (GenerationConfig(), 1),
        (GenerationConfig(num_beams=5, num_return_sequences=3), 5),
        (GenerationConfig(do_sample=True, num_return_sequences=4), 4),
        (GenerationConfig(do_sample=True, best_of=8, num_return_sequences=2), 8),
        (GenerationConfig(max_new_tokens=2**70), 1),
    ],
)
def test_rows_of_a_request(options: GenerationConfig, rows: int) -> None:
    assert _C.DecodingSession.rows_of(options) == rows <= _C.DecodingSession.shared_rows


@pytest.mark.parametrize("options", OPTIONS, ids=["greedy", "beams", "sampled"])
def test_a_large_batch_gets_the_replies_of_each_alone(
    generator: Generator, options: GenerationConfig
) -> None:
    messages = [f"{MESSAGES[number % 4]} {'and ' * (number % 7)}you" for number in range(70)]
    together = generator.respond_batch(messages, options, seed=3)
    alone = [generator.respond(message, options, seed=3) for message in messages]
    assert [reply.candidates for reply in together] == [reply.candidates for reply in alone]


@pytest.mark.parametrize("options", OPTIONS, ids=["greedy", "beams", "sampled"])
@pytest.mark.parametrize("steps", [0, 1, 4, 1000])
def test_a_late_request_gets_the_reply_it_gets_alone(
    generator: Generator, options: GenerationConfig, steps: int
) -> None:
    engine = generator.engine
    assert isinstance(engine, NativeEngine)
    first, second = encode(generator, MESSAGES[0]), encode(generator, MESSAGES[2])
    decoding = engine.decode(first, options, [5])
    for _ in range(steps):
        decoding.advance()
    assert decoding.join(second.memory[0], 6) == 1
    decoding.run()
    for request, (encoded, seed) in enumerate([(first, 5), (second, 6)]):
        alone = engine.decode(encoded, options, [seed])
        alone.run()
        assert decoding.results(request) == alone.results(0)


def test_requests_of_different_options_share_the_steps(generator: Generator) -> None:
    engine = generator.engine
    assert isinstance(engine, NativeEngine)
    strategies: list[dict[str, Any]] = [
        {"num_beams": 3},
        {"do_sample": True, "num_return_sequences": 3},
        {"stop": ("sorry", "you"), "max_new_tokens": 60},
        {"do_sample": True, "top_k": 5, "return_scores": True},
        {"bad_words": ("dog",), "repetition_penalty": 1.5, "max_new_tokens": 3},
    ]
    together = engine.decode(encode(generator, MESSAGES[0]), GenerationConfig(), [0])
    requests = [(encode(generator, MESSAGES[0]), GenerationConfig(), 0)]
    for seed in range(1, 40):
        config = GenerationConfig(**strategies[seed % 5])
        encoded = encode(generator, MESSAGES[seed % 4])
        rules = text_rules(config, generator.tokenizer)
        assert together.join(encoded.memory[0], seed, config, rules) == seed
        requests.append((encoded, config, seed))
        together.advance()
    together.run()
    for request, (encoded, config, seed) in enumerate(requests):
        alone = engine.decode(encoded, config, [seed], text_rules(config, generator.tokenizer))
        alone.run()
        assert together.results(request) == alone.results(0), config
    with pytest.raises(ValueError, match="rules belong to a config"):
        together.join(encoded.memory[0], 1, None, text_rules(config, generator.tokenizer))
    with pytest.raises(ValueError, match="max_new_tokens must be at most max_positions = 64"):
        together.join(encoded.memory[0], 1, GenerationConfig(max_new_tokens=65))


@pytest.mark.parametrize("shape", [{"key_dim": 16}, {"key_dim": 16, "num_layers": 1}])
def test_what_this_engine_did_not_encode_is_refused(
    tiny_checkpoint: Path,
    random_checkpoint: Callable[[ModelConfig, int], Checkpoint],
    shape: dict[str, Any],
) -> None:
    config = checkpoint.load(tiny_checkpoint).config.replace(num_layers=2)
    engine = NativeEngine(random_checkpoint(config, 1)).engine
    other = NativeEngine(random_checkpoint(config.replace(**shape), 1))
    noise = np.zeros((1, config.latents, config.latent_dim), np.float32)
    (foreign,) = other.encode([Dialogue([CLS, USR], [CLS, USR])], noise, None).memory
    greedy = GenerationConfig()
    assert other.engine.decode([foreign], greedy, [1]).advance()
    for wrong, error, message in [
        (None, TypeError, "got None"),
        (foreign, ValueError, "another shape; encode it with this one"),
    ]:
        with pytest.raises(error, match=message):
            engine.decode([], greedy, []).join(wrong, 1)
        with pytest.raises(error, match=message):
            engine.decode([wrong], greedy, [1])
        with pytest.raises(error, match=message):
            engine.start([wrong])


@pytest.mark.parametrize("compute_type", ["float32", "int8"])
def test_after_an_error_nobody_is_answered_and_nothing_breaks(
    save_tiny: Callable[..., Path], tiny_config: ModelConfig, tmp_path: Path, compute_type: str
) -> None:
    """A penalty makes these logits infinite as soon as a word comes again."""
    shape = tiny_config.vocab_size, tiny_config.hidden_dim
    huge = np.random.default_rng(0).standard_normal(shape, np.float32) * np.float32(2e36)
    path = save_tiny(tmp_path / "huge", tiny_config, {"output.weight": huge})
    generator = Generator(path, compute_type=compute_type)
    options = GenerationConfig(repetition_penalty=0.01, min_new_tokens=9, max_new_tokens=9)
    encoded = encode(generator, MESSAGES[0])
    decoding = generator.engine.decode(encoded, options, [1])
    assert isinstance(decoding, _C.DecodingSession)
    for request in range(2):
        with pytest.raises(ValueError, match="logits must be finite or -inf, got"):
            decoding.run()
        assert not decoding.advance()
        assert len(decoding.agreed(request)) < 9
        assert decoding.join(encoded.memory[0], 1) == request + 1


def test_a_second_thread_is_refused(generator: Generator) -> None:
    encoded = encode(generator, MESSAGES[0]).memory * 3000
    engine = generator.engine
    assert isinstance(engine, NativeEngine)
    decoding = engine.engine.decode(encoded, GenerationConfig(), [1] * len(encoded))
    refused: list[str] = []

    def look() -> None:
        while not refused:
            try:
                decoding.agreed(0)
            except RuntimeError as error:
                refused.append(str(error))

    watcher = threading.Thread(target=look)
    watcher.start()
    while not refused:
        try:
            decoding.advance()
        except RuntimeError as error:
            refused.append(str(error))
    watcher.join()
    assert refused[0] == "another thread is using this DecodingSession; one at a time may"
    decoding.run()
    assert decoding.results(0) == decoding.results(2999)
