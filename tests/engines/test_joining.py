"""Requests that wait for room in a batch, or come while others are answered."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mime_fast import GenerationConfig, Generator, checkpoint
from mime_fast.checkpoint import Checkpoint
from mime_fast.config import ModelConfig
from mime_fast.engines.base import Encoded
from mime_fast.engines.native import NativeEngine
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


def encode(generator: Generator, message: str) -> Encoded:
    config = generator.engine.config
    dialogue = encode_dialogue(generator.tokenizer, [message], config.max_positions)
    noise = np.zeros((1, 2, config.latent_dim), np.float32)
    return generator.engine.encode([dialogue], noise, None)


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


def test_what_this_engine_did_not_encode_is_refused(
    tiny_checkpoint: Path, random_checkpoint: Callable[[ModelConfig, int], Checkpoint]
) -> None:
    engine = NativeEngine(checkpoint.load(tiny_checkpoint))
    other = NativeEngine(random_checkpoint(engine.config.replace(key_dim=16), 1))
    noise = np.zeros((1, 2, other.config.latent_dim), np.float32)
    (foreign,) = other.encode([Dialogue([CLS, USR], [CLS, USR])], noise, None).memory
    greedy = GenerationConfig()
    assert other.engine.decode([foreign], greedy, [1]).advance()
    for wrong, error, message in [
        (None, TypeError, "got None"),
        (foreign, ValueError, "another shape; encode it with this one"),
    ]:
        with pytest.raises(error, match=message):
            engine.engine.decode([], greedy, []).join(wrong, 1)
        with pytest.raises(error, match=message):
            engine.engine.decode([wrong], greedy, [1])
        with pytest.raises(error, match=message):
            engine.engine.start([wrong])
