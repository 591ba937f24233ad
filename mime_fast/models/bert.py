"""A BERT-type encoder: what all-MiniLM-L6-v2 is. Post-norm layers, biases, learned positions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-12  # of every layer norm
NAMES = {  # ours -> those of the published checkpoint, inside a layer
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "output_norm": "output.LayerNorm",
}


@dataclass(frozen=True)
class BertConfig:
    """The shape; the defaults are MiniLM's."""

    vocab_size: int = 30_522
    hidden_dim: int = 384
    num_layers: int = 6
    num_heads: int = 12
    filter_dim: int = 1536
    max_positions: int = 512
    dropout: float = 0.0


class BertAttention(nn.Module):
    """Multi-head attention with biases; keys and values come from `source`."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.output = nn.Linear(dim, dim)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """X (batch, length, dim), real (batch, length) bool: not padding -> like x."""
        parts = (self.query(x), self.key(x), self.value(x))
        query, key, value = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in parts
        )  # (batch, heads, length, head) each
        mask = real[:, None, None]
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.output(found.transpose(1, 2).flatten(2))


class BertLayer(nn.Module):
    """Attention, then two linear maps with GELU; each is added to its input and normalised."""

    def __init__(self, dim: int, num_heads: int, filter_dim: int, dropout: float) -> None:
        super().__init__()
        self.attention = BertAttention(dim, num_heads)
        self.attention_norm = nn.LayerNorm(dim, EPSILON)
        self.inner = nn.Linear(dim, filter_dim)
        self.outer = nn.Linear(filter_dim, dim)
        self.output_norm = nn.LayerNorm(dim, EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """X (batch, length, dim) -> same."""
        x = self.attention_norm(x + self.dropout(self.attention(x, real)))
        inner = functional.gelu(self.inner(x))
        return self.output_norm(x + self.dropout(self.outer(inner)))


class Bert(nn.Module):
    """Piece ids to states."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        dim = config.hidden_dim
        self.embedding = nn.Embedding(config.vocab_size, dim)
        self.positions = nn.Embedding(config.max_positions, dim)
        self.types = nn.Embedding(2, dim)
        self.norm = nn.LayerNorm(dim, EPSILON)
        self.layers = nn.ModuleList(
            BertLayer(dim, config.num_heads, config.filter_dim, config.dropout)
            for _ in range(config.num_layers)
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor, types: Tensor, real: Tensor) -> Tensor:
        """Ids and types (batch, length), real (batch, length) bool -> (batch, length, dim)."""
        places = self.positions.weight[: tokens.shape[1]]
        x = self.dropout(self.norm(self.embedding(tokens) + places + self.types(types)))
        for layer in self.layers:
            x = layer(x, real)
        return x


def load_minilm(path: Path) -> dict[str, Tensor]:
    """The published weights of all-MiniLM-L6-v2 under the names of Bert."""
    stored = load_file(str(path))
    own = {
        "embedding.weight": stored["embeddings.word_embeddings.weight"],
        "positions.weight": stored["embeddings.position_embeddings.weight"],
        "types.weight": stored["embeddings.token_type_embeddings.weight"],
        "norm.weight": stored["embeddings.LayerNorm.weight"],
        "norm.bias": stored["embeddings.LayerNorm.bias"],
    }
    for layer in range(BertConfig.num_layers):
        for ours, theirs in NAMES.items():
            for kind in ("weight", "bias"):
                own[f"layers.{layer}.{ours}.{kind}"] = stored[
                    f"encoder.layer.{layer}.{theirs}.{kind}"
                ]
    return own


def mean_over(x: Tensor, real: Tensor) -> Tensor:
    """(batch, length, dim) -> (batch, dim), the mean over real positions."""
    weight = real[:, :, None].to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1)


def real_positions(lengths: Tensor, longest: int) -> Tensor:
    """Lengths (batch,) -> bool (batch, longest)."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]
