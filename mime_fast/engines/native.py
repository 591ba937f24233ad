"""The native engine: replies on a CPU without torch. Float32; tokens are those of eager."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mime_fast import _C
from mime_fast.checkpoint import Checkpoint
from mime_fast.emotions import NEGATIVE, POSITIVE
from mime_fast.engines import layers
from mime_fast.engines.base import Encoded, Sampling
from mime_fast.types import Dialogue, FloatArray, IntArray


class DecoderLayer(NamedTuple):
    """The weights of one decoder layer, by part."""

    norms: layers.Weights
    attention: layers.Weights
    cross_attention: layers.Weights
    feed_forward: layers.Weights


@dataclass
class LayerCache:
    """What one decoder layer remembers of each row."""

    cross_keys: FloatArray  # (rows, heads, source, width), of the fused context: computed once
    cross_values: FloatArray
    keys: FloatArray  # (rows, heads, steps, width)
    values: FloatArray
    inner: FloatArray  # (rows, 2, dim) the last two inputs of the first convolution
    outer: FloatArray  # (rows, 2, filter) and of the second; zeros before the start

    def select(self, rows: IntArray) -> LayerCache:
        """The cache of these rows, in this order."""
        return LayerCache(*(array[rows] for array in vars(self).values()))


@dataclass
class NativeState:
    """The rows that are being decoded."""

    steps: int
    blocked: NDArray[np.bool_]  # (rows, 1, 1, source): behind the end of a row's context
    layers: list[LayerCache]


class NativeEngine:
    """Runs a checkpoint with numpy and mime_fast._C."""

    name = "native"
    sampling: Sampling = _C

    def __init__(self, checkpoint: Checkpoint) -> None:
        config, weights = checkpoint.config, checkpoint.tensors
        self.config = config
        self.heads = config.num_heads
        self.weights = weights
        self.context_encoder = layers.part(weights, "context_encoder")
        self.response_emotions = layers.part(weights, "response_emotions")
        self.response_encoder = layers.part(weights, "response_encoder")
        other = layers.part(weights, "non_mimicking_response_encoder")
        self.non_mimicking_response_encoder = other or self.response_encoder
        self.decoder = layers.part(weights, "decoder")
        self.decoder_layers = [self._decoder_weights(i) for i in range(config.num_layers)]
        self.positions = layers.timing_signal(config.max_positions, config.hidden_dim)
        table = weights["embedding.weight"]
        self.embedding = table * np.float32(math.sqrt(config.hidden_dim))
        self.output = table if config.tie_embeddings else weights["output.weight"]

    def _decoder_weights(self, index: int) -> DecoderLayer:
        own = layers.part(self.decoder, f"layers.{index}")
        parts = ("attention", "cross_attention", "feed_forward")
        return DecoderLayer(own, *(layers.part(own, name) for name in parts))

    def encode(
        self, dialogues: Sequence[Dialogue], noise: FloatArray, emotion: int | None
    ) -> Encoded:
        """See Engine.encode. One dialogue at a time: nothing is padded."""
        parts = [self._encode(d, n, emotion) for d, n in zip(dialogues, noise, strict=True)]
        logits, positive, negative, mimics, fused = zip(*parts, strict=True)
        return Encoded(
            np.stack(logits), np.stack(positive), np.stack(negative), np.array(mimics), list(fused)
        )

    def _encode(
        self, dialogue: Dialogue, noise: FloatArray, emotion: int | None
    ) -> tuple[FloatArray, FloatArray, FloatArray, bool, FloatArray]:
        embedded = self.embedding[dialogue.tokens] + self.embedding[dialogue.speakers]
        context = layers.encoder(self.context_encoder, embedded, self.positions, self.heads)
        query = context.mean(0) if self.config.mean_query else context[0]

        table = self.weights["emotion_embedding.weight"]
        logits = table @ layers.linear(self.weights, "emotion_classifier", query)
        predicted = int(logits.argmax()) if emotion is None else emotion
        mimics_positive = predicted in POSITIVE

        positive, negative = self._mixture(query, noise)
        vectors = positive @ table[list(POSITIVE)], negative @ table[list(NEGATIVE)]
        mimicked, opposed = vectors if mimics_positive else vectors[::-1]
        mimicking = self._refine(self.response_encoder, context, mimicked)
        non_mimicking = self._refine(self.non_mimicking_response_encoder, context, opposed)
        both = np.concatenate([mimicking, non_mimicking], -1)
        gate = layers.sigmoid(layers.linear(self.weights, "fusion.gate", both))
        fused = layers.linear(self.weights, "fusion.output", gate * both)
        return logits, positive, negative, mimics_positive, fused

    def _mixture(self, query: FloatArray, noise: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The sampled distributions over both groups; noise (2, latent)."""
        weights = self.response_emotions
        hidden = np.maximum(layers.linear(weights, "prior_hidden", query), np.float32(0))
        shared = self.config.shared_log_variance
        mixtures = []
        for group, drawn in zip(("positive", "negative"), noise, strict=True):
            spread = "positive" if shared else group
            mean = layers.linear(weights, f"prior.{group}_mean", hidden)
            log_variance = layers.linear(weights, f"prior.{spread}_log_variance", hidden)
            latent = mean + drawn * np.exp(log_variance / np.float32(2))
            mixtures.append(layers.softmax(layers.linear(weights, f"{group}_mixture", latent)))
        return mixtures[0], mixtures[1]

    def _refine(
        self, encoder: layers.Weights, context: FloatArray, emotion: FloatArray
    ) -> FloatArray:
        repeated = np.broadcast_to(emotion, context.shape)
        return layers.encoder(
            encoder, np.concatenate([context, repeated], -1), self.positions, self.heads
        )

    def start(self, encoded: Encoded, rows: Sequence[int]) -> NativeState:
        """See Engine.start."""
        fused = [encoded.memory[row] for row in rows]
        lengths = np.array([len(memory) for memory in fused])
        source = int(lengths.max())
        padded = np.stack([np.pad(m, ((0, source - len(m)), (0, 0))) for m in fused])
        blocked = np.arange(source) >= lengths[:, None, None, None]
        caches = [self._empty_cache(layer, padded) for layer in self.decoder_layers]
        return NativeState(0, blocked, caches)

    def _empty_cache(self, layer: DecoderLayer, memory: FloatArray) -> LayerCache:
        cross = layer.cross_attention
        rows, width = len(memory), self.config.key_dim // self.heads
        empty = np.zeros((rows, self.heads, 0, width), np.float32)
        return LayerCache(
            layers.split_heads(layers.linear(cross, "key", memory), self.heads),
            layers.split_heads(layers.linear(cross, "value", memory), self.heads),
            empty,
            empty,
            np.zeros((rows, 2, self.config.hidden_dim), np.float32),
            np.zeros((rows, 2, self.config.filter_dim), np.float32),
        )

    def step(self, state: NativeState, tokens: IntArray) -> FloatArray:
        """See Engine.step."""
        x = layers.linear(self.decoder, "projection", self.embedding[tokens])
        x = x + self.positions[state.steps]
        for weights, cache in zip(self.decoder_layers, state.layers, strict=True):
            x = self._decoder_layer(weights, cache, x, state.blocked)
        state.steps += 1
        return (
            layers.layer_norm(self.decoder, "norm", x) @ self.output.T + self.weights["output.bias"]
        )

    def _decoder_layer(
        self, weights: DecoderLayer, cache: LayerCache, x: FloatArray, blocked: NDArray[np.bool_]
    ) -> FloatArray:
        """One layer for the newest token of each row, (rows, dim); the cache grows by one."""
        norms, attention, cross, convolutions = weights
        normed = layers.layer_norm(norms, "attention_norm", x)[:, None]  # (rows, 1, dim)
        query, key, value = (
            layers.split_heads(layers.linear(attention, name, normed), self.heads)
            for name in ("query", "key", "value")
        )
        cache.keys = np.concatenate([cache.keys, key], 2)
        cache.values = np.concatenate([cache.values, value], 2)
        attended = layers.attend(query, cache.keys, cache.values)[:, 0]
        x = x + layers.linear(attention, "output", attended)

        normed = layers.layer_norm(norms, "cross_attention_norm", x)[:, None]
        query = layers.split_heads(layers.linear(cross, "query", normed), self.heads)
        attended = layers.attend(query, cache.cross_keys, cache.cross_values, blocked)[:, 0]
        x = x + layers.linear(cross, "output", attended)

        normed = layers.layer_norm(norms, "feed_forward_norm", x)
        window = np.concatenate([cache.inner, normed[:, None]], 1)
        hidden = layers.convolve(convolutions, "inner", window)
        cache.inner = window[:, 1:]
        window = np.concatenate([cache.outer, hidden[:, None]], 1)
        cache.outer = window[:, 1:]
        return x + layers.convolve(convolutions, "outer", window)

    def select(self, state: NativeState, rows: IntArray) -> NativeState:
        """See Engine.select."""
        caches = [cache.select(rows) for cache in state.layers]
        return NativeState(state.steps, state.blocked[rows], caches)
