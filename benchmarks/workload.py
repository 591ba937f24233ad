"""What is measured: a model of the default shape with seeded random weights, and its requests."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save_file

from mime_fast import bundled, checkpoint
from mime_fast.checkpoint import Checkpoint
from mime_fast.config import GenerationConfig, ModelConfig
from mime_fast.models import parameter_shapes
from mime_fast.quantized import quantize_matrices
from mime_fast.text.special import NEVER_GENERATED
from mime_fast.text.tokenizer import CLS, EOS, SYS, USR, Tokenizer
from mime_fast.types import Dialogue, FloatArray

VOCABULARY = 23_700  # about the authors' vocabulary
# Interpreted, a kernel takes some 10 ms: benchmarks.gpu.processes sets this for a rehearsal.
REHEARSAL = "MIME_FAST_REHEARSAL" in os.environ
CONTEXT = 6 if REHEARSAL else 40  # tokens
NEW_TOKENS = 2 if REHEARSAL else 20  # exactly: no contestant may end earlier and look faster
CHECKPOINT = "mime-small"  # what servers and their peers answer with: the peers hold no other
BEAMS = 5
GREEDY = GenerationConfig(min_new_tokens=NEW_TOKENS, max_new_tokens=NEW_TOKENS)
BEAM = GREEDY.replace(num_beams=BEAMS)
TINY = {"vocab_size": 300, "hidden_dim": 24, "key_dim": 8, "latent_dim": 12}
BLOCKED = [*NEVER_GENERATED, EOS]  # at every one of the NEW_TOKENS steps


class Request(NamedTuple):
    """A dialogue in token ids, and the noise of its response emotions."""

    dialogue: Dialogue
    noise: FloatArray  # (latents, latent)


@cache
def random_checkpoint(*, flat: bool = False, tiny: bool = False, **options: Any) -> Checkpoint:
    """The default sizes. Same weights for everybody, in this process and the next.

    flat: next words are all but equally likely, as before training. tiny: so small that its times
    mean nothing. options: of ModelConfig, the default architecture's if there are none. Its files
    are removed at the end of the process.
    """
    config = ModelConfig(vocab_size=VOCABULARY, **options)
    if tiny:
        own = config.to_dict()  # without the options of other systems
        config = config.replace(**{name: size for name, size in TINY.items() if name in own})
    generator = np.random.default_rng(0)
    tensors = {
        name: _draw(generator, name, shape) for name, shape in parameter_shapes(config).items()
    }
    if flat:
        tensors["output.weight"] *= np.float32(0.2)
        tensors["output.bias"][:] = 0
    words = (f"w{index}" for index in range(config.vocab_size - CLS - 1))
    size, words_are = "tiny" if tiny else "default", "flat" if flat else "trained"
    system = "".join(f"-{name}-{value}" for name, value in options.items())
    path = Path(_folder().name) / f"{size}-{words_are}{system}"
    checkpoint.save(path, config, Tokenizer.from_words(words), tensors, "# Random weights\n")
    return checkpoint.load(path)


BASE = "mime-base"
TINY_BASE: dict[str, Any] = {
    "vocab_size": 300,
    "context_vocab_size": 300,
    "hidden_dim": 16,
    "num_heads": 2,
    "filter_dim": 12,
    "num_layers": 1,
    "latent_dim": 5,
    "refinement_filter_dim": 8,
    "decoder_dim": 16,
    "decoder_heads": 2,
    "decoder_kv_heads": 1,
    "decoder_filter_dim": 12,
    "decoder_layers": 2,
}


@cache
def base_checkpoint(*, tiny: bool = False) -> Checkpoint:  # not in a smoke run: for GPUs alone
    """mime-base as it is bundled; tiny: random, and without a tokeniser of its own."""
    if not tiny:
        return checkpoint.load(bundled.folder_of(BASE))
    config = ModelConfig(architecture="mime_base", **TINY_BASE)
    generator = np.random.default_rng(0)
    drawn = {
        name: _draw(generator, name, shape) for name, shape in parameter_shapes(config).items()
    }
    path = Path(_folder().name) / "tiny-base"
    path.mkdir()
    save_file(quantize_matrices(drawn), path / checkpoint.WEIGHTS)
    return Checkpoint(config, Tokenizer.from_words(["w"]), path / checkpoint.WEIGHTS)


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory()


def _draw(generator: np.random.Generator, name: str, shape: tuple[int, ...]) -> FloatArray:
    """Weights that keep activations near 1, so that words, positions and contexts all matter.

    Next words are as sure as mime-small's: an entropy of 2.7 nats (1.3 to 3.5), 0.43
    for the best one (0.15 to 0.79). A few words are frequent, by Zipf's law.
    """
    drawn = generator.standard_normal(shape, np.float32)
    if name == "output.weight":
        return drawn * np.float32(2.5 * shape[1] ** -0.5)
    if name == "output.bias":
        return np.float32(-1.5) * np.log1p(generator.permutation(shape[0]), dtype=np.float32)
    if len(shape) > 1:
        return drawn * np.float32(np.prod(shape[1:]) ** -0.5)
    return drawn * np.float32(0.1) + np.float32(name.endswith("norm.weight"))


def random_requests(config: ModelConfig, count: int, context: int = CONTEXT) -> list[Request]:
    """`count` contexts of that many tokens. Request i is the same whatever the count."""
    return [random_request(config, context, index) for index in range(count)]


def random_request(config: ModelConfig, context: int, index: int) -> Request:
    """The same words for the same context and index."""
    generator = np.random.default_rng([context, index])
    known = config.vocab_size if config.system.over_words else config.context_vocab_size
    words = generator.integers(CLS + 1, known, context - 1)
    turns = np.sort(generator.integers(0, 3, context - 1)) % 2
    dialogue = Dialogue([CLS, *words.tolist()], [CLS, *np.where(turns, SYS, USR).tolist()])
    noise = generator.standard_normal((config.latents, config.noise_dim), np.float32)
    return Request(dialogue, noise)
