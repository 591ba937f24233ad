"""A Llama-type language model in plain PyTorch: what SmolLM2 is.

Pre-norm layers: root-mean-square norm, rotary positions, grouped queries, SwiGLU. Word table and
output share their weights. Pairs of neighbouring columns are rotated, as GGUF files store them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class LlamaConfig:
    """The shape; the defaults are SmolLM2-135M's."""

    vocab_size: int
    hidden_dim: int = 576
    num_layers: int = 30
    num_heads: int = 9
    num_kv_heads: int = 3
    filter_dim: int = 1536
    rope_base: float = 100_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.hidden_dim // self.num_heads


class GroupedAttention(nn.Module):
    """Attention without positions; num_heads / num_kv_heads queries share a key and a value."""

    def __init__(self, config: LlamaConfig, source_dim: int) -> None:
        """source_dim: width of the states that keys and values are made of."""
        super().__init__()
        self.head_dim = config.head_dim
        self.groups = config.num_heads // config.num_kv_heads
        kv_dim = config.num_kv_heads * config.head_dim
        self.query = nn.Linear(config.hidden_dim, config.hidden_dim, bias=False)
        self.key = nn.Linear(source_dim, kv_dim, bias=False)
        self.value = nn.Linear(source_dim, kv_dim, bias=False)
        self.output = nn.Linear(config.hidden_dim, config.hidden_dim, bias=False)

    def project(self, x: Tensor, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries of x, keys and values of the source: (batch, heads, length, head)."""
        found = self.query(x), self.key(source), self.value(source)
        query, key, value = (
            states.unflatten(-1, (-1, self.head_dim)).transpose(1, 2) for states in found
        )
        return query, key, value

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None = None,
        *,
        is_causal: bool = False,
    ) -> Tensor:
        """What `project` returned -> (batch, length, dim); mask: True where a key is seen."""
        key, value = (states.repeat_interleave(self.groups, 1) for states in (key, value))
        found = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=is_causal
        )
        return self.output(found.transpose(1, 2).flatten(2))


class LlamaAttention(GroupedAttention):
    """Causal self-attention with rotary positions."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config, config.hidden_dim)

    def forward(self, x: Tensor, rotation: Tensor) -> Tensor:
        """X (batch, length, dim), rotation (2, length, head / 2) -> (batch, length, dim)."""
        query, key, value = self.project(x, x)
        return self.attend(rotate(query, rotation), rotate(key, rotation), value, is_causal=True)


class LlamaFeedForward(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x))."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.hidden_dim, config.filter_dim, bias=False)
        self.up = nn.Linear(config.hidden_dim, config.filter_dim, bias=False)
        self.down = nn.Linear(config.filter_dim, config.hidden_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, dim) -> same."""
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class LlamaLayer(nn.Module):
    """Attention and feed-forward, each behind a norm and added to its input."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.hidden_dim, config.norm_epsilon)
        self.attention = LlamaAttention(config)
        self.feed_forward_norm = nn.RMSNorm(config.hidden_dim, config.norm_epsilon)
        self.feed_forward = LlamaFeedForward(config)

    def forward(self, x: Tensor, rotation: Tensor) -> Tensor:
        """X (batch, length, dim) -> same."""
        x = x + self.attention(self.attention_norm(x), rotation)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Llama(nn.Module):
    """Token ids to states; `logits` projects states onto the vocabulary."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_dim)
        self.layers = nn.ModuleList(LlamaLayer(config) for _ in range(config.num_layers))
        self.norm = nn.RMSNorm(config.hidden_dim, config.norm_epsilon)

    def forward(self, tokens: Tensor) -> Tensor:
        """Ids (batch, length) -> states (batch, length, dim); what follows is never seen."""
        rotation = rotations(self.config, tokens.shape[1]).to(tokens.device)
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, rotation)
        return self.norm(x)

    def logits(self, states: Tensor) -> Tensor:
        """States (..., dim) -> (..., vocabulary)."""
        return functional.linear(states, self.embedding.weight)


def rotations(config: LlamaConfig, length: int) -> Tensor:
    """Cosine and sine of each position's angles, (2, length, head / 2), float32."""
    half = torch.arange(0, config.head_dim, 2, dtype=torch.float64)
    rates = config.rope_base ** (-half / config.head_dim)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
    return torch.stack([angles.cos(), angles.sin()]).float()


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotate neighbouring columns of x (batch, heads, length, head) by their position's angle."""
    cosine, sine = rotation
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1)
    return turned.flatten(-2).to(x.dtype)
