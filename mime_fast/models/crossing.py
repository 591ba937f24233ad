"""A decoder of Llama-type layers that also attend to an encoder's states."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mime_fast.models.llama import (
    GroupedAttention,
    LlamaAttention,
    LlamaConfig,
    LlamaFeedForward,
    rotations,
)

SMALL = 0.02  # deviation of what attention to the memory adds at first


@dataclass(frozen=True)
class DecoderConfig(LlamaConfig):
    """The shape; widths are SmolLM2-135M's."""

    num_layers: int = 4
    memory_dim: int = 384
    dropout: float = 0.0


class CrossAttention(GroupedAttention):
    """Attention from the decoder to the memory; no positions: the memory's states hold theirs."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config, config.memory_dim)

    def forward(self, x: Tensor, memory: Tensor, real: Tensor) -> Tensor:
        """X (batch, length, dim), memory (batch, source, memory dim), real (batch, source)."""
        return self.attend(*self.project(x, memory), real[:, None, None])


class CrossLayer(nn.Module):
    """Self-attention, attention to the memory, feed-forward: each behind a norm, and added."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.hidden_dim, config.norm_epsilon)
        self.attention = LlamaAttention(config)
        self.cross_attention_norm = nn.RMSNorm(config.hidden_dim, config.norm_epsilon)
        self.cross_attention = CrossAttention(config)
        self.feed_forward_norm = nn.RMSNorm(config.hidden_dim, config.norm_epsilon)
        self.feed_forward = LlamaFeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, rotation: Tensor, memory: Tensor, real: Tensor) -> Tensor:
        """X (batch, length, dim), memory (batch, source, memory dim) -> (batch, length, dim)."""
        x = x + self.dropout(self.attention(self.attention_norm(x), rotation))
        x = x + self.dropout(self.cross_attention(self.cross_attention_norm(x), memory, real))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class CrossDecoder(nn.Module):
    """Reply ids to states."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_dim)
        self.layers = nn.ModuleList(CrossLayer(config) for _ in range(config.num_layers))
        self.norm = nn.RMSNorm(config.hidden_dim, config.norm_epsilon)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor, conditioning: Tensor, memory: Tensor, real: Tensor) -> Tensor:
        """Ids (batch, length), and what joins each input (batch, dim) -> (batch, length, dim)."""
        rotation = rotations(self.config, tokens.shape[1]).to(tokens.device)
        x = self.dropout(self.embedding(tokens) + conditioning[:, None])
        for layer in self.layers:
            x = layer(x, rotation, memory, real)
        return self.norm(x)


def copy_layers(decoder: CrossDecoder, weights: dict[str, Tensor], chosen: list[int]) -> None:
    """Start the decoder from layers `chosen` of a language model's weights (see Llama).

    Attention to the memory starts small: its output matrix is drawn, the rest is Xavier's.
    """
    own = {name: tensor for name, tensor in weights.items() if not name.startswith("layers.")}
    for new, old in enumerate(chosen):
        prefix = f"layers.{old}."
        own |= {
            f"layers.{new}.{name.removeprefix(prefix)}": tensor
            for name, tensor in weights.items()
            if name.startswith(prefix)
        }
    missing, unexpected = decoder.load_state_dict(own, strict=False)
    assert not unexpected  # noqa: S101
    assert all("cross_attention" in name for name in missing)  # noqa: S101
    for name, parameter in decoder.named_parameters():
        if "cross_attention.output" in name:
            nn.init.normal_(parameter, std=SMALL)
        elif "cross_attention" in name and parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
