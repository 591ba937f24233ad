"""The Transformer pieces that the paper's systems share, as their released code has them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mime_fast.config import ModelConfig

MASKED = -1e18  # of a logit; a row that is masked everywhere becomes uniform instead of NaN


def timing_signal(length: int, dim: int) -> Tensor:
    """Positions as sines then cosines, concatenated. Returns (length, dim) float32."""
    half = dim // 2
    rates = torch.exp(-torch.arange(half, dtype=torch.float64) * (math.log(1e4) / (half - 1)))
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
    signal = torch.cat([angles.sin(), angles.cos()], dim=1)
    return functional.pad(signal, (0, dim - 2 * half)).float()


class LayerNorm(nn.Module):
    """Unbiased standard deviation, epsilon outside the root: not torch's LayerNorm."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) -> (..., dim)."""
        centred = x - x.mean(-1, keepdim=True)
        variance = centred.square().sum(-1, keepdim=True) / (x.shape[-1] - 1)
        return self.weight * (centred / (variance.sqrt() + 1e-6)) + self.bias


class Attention(nn.Module):
    """Multi-head attention; `key_dim` is the width of all heads together."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, key_dim = config.hidden_dim, config.key_dim
        self.num_heads = config.num_heads
        self.query = nn.Linear(dim, key_dim, bias=False)
        self.key = nn.Linear(dim, key_dim, bias=False)
        self.value = nn.Linear(dim, key_dim, bias=False)
        self.output = nn.Linear(key_dim, dim, bias=False)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def forward(self, queries: Tensor, keys: Tensor, blocked: Tensor) -> Tensor:
        """Queries (batch, length, dim), keys (batch, key length, dim) -> (batch, length, dim).

        blocked: bool (batch, 1 or length, key length), True where a key must not be seen.
        """
        value = self._split(self.value(keys))  # (batch, heads, key length, width)
        weights = self.attention_weights(queries, keys, blocked).to(value.dtype)
        return self.output((weights @ value).transpose(1, 2).flatten(2))

    def attention_weights(self, queries: Tensor, keys: Tensor, blocked: Tensor) -> Tensor:
        """Shares of the keys for each query, (batch, heads, length, key length); rows sum to 1."""
        query, key = self._split(self.query(queries)), self._split(self.key(keys))
        query = query * query.shape[-1] ** -0.5
        logits = (query @ key.transpose(-1, -2)).float()
        return logits.masked_fill(blocked[:, None], MASKED).softmax(-1)


class FeedForward(nn.Module):
    """Two width-3 convolutions along time with ReLU after both, so it only ever adds.

    causal: two zeros on the left (decoder) instead of one on each side (encoders).
    """

    def __init__(self, config: ModelConfig, *, causal: bool) -> None:
        super().__init__()
        self.inner = nn.Conv1d(config.hidden_dim, config.filter_dim, 3)
        self.outer = nn.Conv1d(config.filter_dim, config.hidden_dim, 3)
        self.padding = (2, 0) if causal else (1, 1)

    def _convolve(self, convolution: nn.Conv1d, x: Tensor) -> Tensor:
        padded = functional.pad(x.transpose(1, 2), self.padding)  # (batch, dim, length + 2)
        return convolution(padded).transpose(1, 2).relu()

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """(batch, length, dim) -> same; visible (batch, length, 1): 0 hides a position."""
        hidden = self._convolve(self.inner, x if visible is None else x * visible)
        return self._convolve(self.outer, hidden if visible is None else hidden * visible)


class EncoderLayer(nn.Module):
    """Pre-norm self-attention and feed-forward."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = LayerNorm(config.hidden_dim)
        self.attention = Attention(config)
        self.feed_forward_norm = LayerNorm(config.hidden_dim)
        self.feed_forward = FeedForward(config, causal=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, blocked: Tensor, visible: Tensor | None) -> Tensor:
        """X (batch, length, dim) -> same; blocked and visible as in Attention and FeedForward."""
        normed = self.attention_norm(x)
        x = x + self.dropout(self.attention(normed, normed, blocked))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x), visible))


class Encoder(nn.Module):
    """Projection to the width, positions, layers, final norm."""

    positions: Tensor

    def __init__(self, config: ModelConfig, input_dim: int) -> None:
        super().__init__()
        self.padding_leak = config.padding_leak
        self.projection = nn.Linear(input_dim, config.hidden_dim, bias=False)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_layers))
        self.norm = LayerNorm(config.hidden_dim)
        signal = timing_signal(config.max_positions, config.hidden_dim)
        self.register_buffer("positions", signal, persistent=False)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """X (batch, length, input_dim), real (batch, length) bool -> (batch, length, dim)."""
        x = self.projection(x) + self.positions[: x.shape[1]]
        visible = None if self.padding_leak else real[:, :, None].to(x.dtype)
        for layer in self.layers:
            x = layer(x, ~real[:, None], visible)
        return self.norm(x)


class DecoderLayer(nn.Module):
    """Pre-norm causal self-attention, attention over the fused context, causal feed-forward."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = LayerNorm(config.hidden_dim)
        self.attention = Attention(config)
        self.cross_attention_norm = LayerNorm(config.hidden_dim)
        self.cross_attention = Attention(config)
        self.feed_forward_norm = LayerNorm(config.hidden_dim)
        self.feed_forward = FeedForward(config, causal=True)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, blocked: Tensor, memory: Tensor, memory_blocked: Tensor) -> Tensor:
        """X (batch, length, dim), memory (batch, source, dim), which is not normalised."""
        normed = self.attention_norm(x)
        x = x + self.dropout(self.attention(normed, normed, blocked))
        queries = self.cross_attention_norm(x)
        x = x + self.dropout(self.cross_attention(queries, memory, memory_blocked))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class Decoder(nn.Module):
    """The decoder stack; causal throughout, so a prefix never changes what came before."""

    positions: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.hidden_dim
        self.projection = nn.Linear(dim, dim, bias=False)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_layers))
        self.norm = LayerNorm(dim)
        signal = timing_signal(config.max_positions, dim)
        self.register_buffer("positions", signal, persistent=False)

    def forward(self, x: Tensor, real: Tensor, memory: Tensor, memory_real: Tensor) -> Tensor:
        """X (batch, length, dim), memory (batch, source, dim) -> (batch, length, dim).

        real (batch, length) and memory_real (batch, source): True where a token is not padding.
        """
        x, blocked = self.place(x, real)
        return self.apply_layers(x, blocked, memory, ~memory_real[:, None])

    def place(self, x: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Project and add positions; which keys each must not see, (batch, length, length)."""
        length = x.shape[1]
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        return self.projection(x) + self.positions[:length], future | ~real[:, None]

    def apply_layers(
        self, x: Tensor, blocked: Tensor, memory: Tensor, memory_blocked: Tensor
    ) -> Tensor:
        """The layers and the final norm: (batch, length, dim) -> same."""
        for layer in self.layers:
            x = layer(x, blocked, memory, memory_blocked)
        return self.norm(x)
