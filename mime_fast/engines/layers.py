"""The Transformer in numpy, for one dialogue or one decoding step. Twin: models/layers.py."""

from __future__ import annotations

import numpy as np

from mime_fast.types import FloatArray

Weights = dict[str, FloatArray]
MASKED = np.float32(-1e18)


def part(weights: Weights, name: str) -> Weights:
    """The tensors below a name, with that prefix removed."""
    prefix = name + "."
    return {key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)}


def linear(weights: Weights, name: str, x: FloatArray) -> FloatArray:
    """(..., in) -> (..., out), with the bias if there is one."""
    product = x @ weights[f"{name}.weight"].T
    bias = weights.get(f"{name}.bias")
    return product if bias is None else product + bias


def layer_norm(weights: Weights, name: str, x: FloatArray) -> FloatArray:
    """Unbiased deviation, epsilon outside the root."""
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred * centred).sum(-1, keepdims=True) / (x.shape[-1] - 1))
    scaled = centred / (deviation + np.float32(1e-6))
    return weights[f"{name}.weight"] * scaled + weights[f"{name}.bias"]


def softmax(logits: FloatArray) -> FloatArray:
    """Over the last axis."""
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def sigmoid(x: FloatArray) -> FloatArray:
    """Without overflow at either end."""
    return np.float32(0.5) * (np.float32(1) + np.tanh(np.float32(0.5) * x))


def split_heads(x: FloatArray, heads: int) -> FloatArray:
    """(..., length, heads * width) -> (..., heads, length, width)."""
    return np.moveaxis(x.reshape(*x.shape[:-1], heads, -1), -2, -3)


def attend(
    query: FloatArray, key: FloatArray, value: FloatArray, blocked: np.ndarray | None = None
) -> FloatArray:
    """Attention of each head, the results concatenated: (..., n, heads * width).

    query (..., heads, n, width), key and value (..., heads, m, width).
    blocked: broadcast to (..., heads, n, m), True where a key must not be seen.
    """
    scale = np.float32(query.shape[-1] ** -0.5)
    logits: FloatArray = np.matmul(query * scale, np.swapaxes(key, -1, -2), dtype=np.float32)
    if blocked is not None:
        logits = np.where(blocked, MASKED, logits).astype(np.float32, copy=False)
    mixed = np.moveaxis(softmax(logits) @ value, -3, -2)  # (..., n, heads, width)
    return mixed.reshape(*mixed.shape[:-2], -1)


def self_attention(weights: Weights, x: FloatArray, heads: int) -> FloatArray:
    """Attention of a whole sequence (length, dim) to itself, nothing blocked."""
    query, key, value = (
        split_heads(linear(weights, name, x), heads) for name in ("query", "key", "value")
    )
    return linear(weights, "output", attend(query, key, value))


def convolve(weights: Weights, name: str, window: FloatArray) -> FloatArray:
    """One width-3 tap product and ReLU: window (n, 3, in), oldest first -> (n, out)."""
    kernel = weights[f"{name}.weight"]  # (out, in, 3)
    flat = np.swapaxes(window, 1, 2).reshape(len(window), -1)
    product = flat @ kernel.reshape(len(kernel), -1).T + weights[f"{name}.bias"]
    return np.maximum(product, np.float32(0))


def feed_forward(weights: Weights, x: FloatArray) -> FloatArray:
    """The encoders' two convolutions, one zero on each side: (length, dim) -> (length, dim)."""
    for name in ("inner", "outer"):
        padded = np.pad(x, ((1, 1), (0, 0)))
        x = convolve(weights, name, np.stack([padded[:-2], padded[1:-1], padded[2:]], 1))
    return x


def encoder(weights: Weights, x: FloatArray, positions: FloatArray, heads: int) -> FloatArray:
    """One encoder stack over one dialogue: (length, input width) -> (length, dim)."""
    x = linear(weights, "projection", x) + positions[: len(x)]
    layer = 0
    while own := part(weights, f"layers.{layer}"):
        attention = self_attention(
            part(own, "attention"), layer_norm(own, "attention_norm", x), heads
        )
        x = x + attention
        x = x + feed_forward(part(own, "feed_forward"), layer_norm(own, "feed_forward_norm", x))
        layer += 1
    return layer_norm(weights, "norm", x)


def timing_signal(length: int, dim: int) -> FloatArray:
    """Positions as sines then cosines: (length, dim) float32, computed in double."""
    half = dim // 2
    rates = np.exp(-np.arange(half) * (np.log(1e4) / (half - 1)))
    angles = np.arange(length)[:, None] * rates
    signal = np.concatenate([np.sin(angles), np.cos(angles)], 1)
    return np.pad(signal, ((0, 0), (0, dim - 2 * half))).astype(np.float32)
