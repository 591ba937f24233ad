"""CTranslate2 with a Transformer of our shape and random weights.

It cannot run our model, which has other norms, a convolutional feed-forward and the emotions. So it
runs a sequence-to-sequence Transformer that does about the same work. That has our widths, heads
and vocabulary, three encoder layers for our three encoder passes, and one decoder layer. Its
feed-forward is as wide as the three taps of our convolutions. It has neither the gate nor the
600-wide inputs of the response encoders: a token of context costs it half the arithmetic that it
costs us. Its tokens mean nothing; only their number is checked.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.specs import TransformerSpec
from ctranslate2.specs.transformer_spec import TransformerDecoderSpec, TransformerEncoderSpec

from benchmarks.peers.base import Tokens
from benchmarks.workload import BEAMS, NEW_TOKENS, Request
from mime_fast.config import ModelConfig

SPECIAL = ["<blank>", "<s>", "</s>", "<unk>"]
ENCODER_PASSES = 3  # the context encoder and two response encoders


class CTranslate2:
    """compute_type as CTranslate2 calls it: "float32", "int8"."""

    def __init__(self, config: ModelConfig, compute_type: str, threads: int) -> None:
        spec = _spec(config)
        with TemporaryDirectory() as folder:
            spec.save(folder)
            self.translator = ctranslate2.Translator(
                str(Path(folder)),
                compute_type=compute_type,
                inter_threads=max(1, len(os.sched_getaffinity(0)) // threads),  # clients at once
                intra_threads=threads,
            )

    def greedy(self, request: Request) -> Tokens:
        return self._translate([request], 1)[0]

    def beam(self, request: Request) -> Tokens:
        return self._translate([request], BEAMS)[0]

    def batch(self, requests: Sequence[Request]) -> list[Tokens]:
        return self._translate(requests, 1)

    def _translate(self, requests: Sequence[Request], beams: int) -> list[Tokens]:
        sources = [[f"w{token}" for token in request.dialogue.tokens] for request in requests]
        results = self.translator.translate_batch(
            sources,
            beam_size=beams,
            max_decoding_length=NEW_TOKENS,
            min_decoding_length=NEW_TOKENS,
        )
        return [[_token(word) for word in result.hypotheses[0]] for result in results]


def _token(word: str) -> int:
    """Random weights choose special words too: seldom, unless the vocabulary is tiny."""
    return SPECIAL.index(word) if word in SPECIAL else int(word[1:])


def _spec(config: ModelConfig) -> Any:
    shape = {"num_heads": config.num_heads, "head_dim": config.key_dim // config.num_heads}
    encoder = TransformerEncoderSpec(ENCODER_PASSES * config.num_layers, **shape)
    decoder = TransformerDecoderSpec(config.num_layers, **shape)
    spec = TransformerSpec(encoder, decoder)
    generator = np.random.default_rng(0)
    _fill_stack(encoder, config, generator)
    _fill_stack(decoder, config, generator)
    encoder.embeddings[0].weight = _normal(generator, config.vocab_size, config.hidden_dim)
    decoder.embeddings.weight = _normal(generator, config.vocab_size, config.hidden_dim)
    _fill_linear(decoder.projection, generator, config.vocab_size, config.hidden_dim)
    words = [*SPECIAL, *(f"w{index}" for index in range(len(SPECIAL), config.vocab_size))]
    spec.register_source_vocabulary(words)
    spec.register_target_vocabulary(words)
    spec.validate()
    return spec


def _fill_stack(stack: Any, config: ModelConfig, generator: np.random.Generator) -> None:
    dim, key_dim, width = config.hidden_dim, config.key_dim, 3 * config.filter_dim
    _fill_norm(stack.layer_norm, dim)
    stack.position_encodings.encodings = _normal(generator, config.max_positions, dim)
    for layer in stack.layer:
        _fill_attention(layer.self_attention, generator, [3 * key_dim], config)
        if hasattr(layer, "attention"):
            _fill_attention(layer.attention, generator, [key_dim, 2 * key_dim], config)
        _fill_norm(layer.ffn.layer_norm, dim)
        _fill_linear(layer.ffn.linear_0, generator, width, dim)
        _fill_linear(layer.ffn.linear_1, generator, dim, width)


def _fill_attention(
    spec: Any, generator: np.random.Generator, inputs: list[int], config: ModelConfig
) -> None:
    _fill_norm(spec.layer_norm, config.hidden_dim)
    for linear, out in zip(spec.linear, inputs, strict=False):
        _fill_linear(linear, generator, out, config.hidden_dim)
    _fill_linear(spec.linear[-1], generator, config.hidden_dim, config.key_dim)


def _fill_norm(spec: Any, dim: int) -> None:
    spec.gamma, spec.beta = np.ones(dim, np.float32), np.zeros(dim, np.float32)


def _fill_linear(spec: Any, generator: np.random.Generator, out: int, inputs: int) -> None:
    spec.weight, spec.bias = _normal(generator, out, inputs), np.zeros(out, np.float32)


def _normal(generator: np.random.Generator, rows: int, columns: int) -> Any:
    return generator.standard_normal((rows, columns), np.float32) * np.float32(columns**-0.5)
