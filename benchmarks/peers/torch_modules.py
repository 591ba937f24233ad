"""Our weights with a key/value cache: the two modules that all torch and ONNX peers run."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from benchmarks.workload import BLOCKED, NEW_TOKENS
from mime_fast.models.base import ReplyModel
from mime_fast.models.layers import MASKED, Attention, DecoderLayer


class Cross(NamedTuple):
    """The fused context as the decoder layers attend to it; one entry a row."""

    keys: Tensor  # (rows, layers, heads, source, width)
    values: Tensor
    blocked: Tensor  # bool (rows, source)


class Cache(NamedTuple):
    """Caches of the decoder layers, of full length from the start: no shape changes."""

    keys: Tensor  # (rows, layers, heads, NEW_TOKENS, width)
    values: Tensor
    inner: Tensor  # (rows, layers, 2, dim): the last two inputs of the first convolution
    outer: Tensor  # (rows, layers, 2, filter): and of the second


def block_specials(model: ReplyModel) -> None:
    """Words that are never generated get no probability, by a bias, which costs nothing."""
    model.output.bias.data[BLOCKED] = -torch.inf


def decoder_layers(model: ReplyModel) -> list[DecoderLayer]:
    """The layers of the decoder with their type, which a ModuleList does not have."""
    return [cast("DecoderLayer", layer) for layer in model.decoder.layers]


class EncodeOnce(nn.Module):
    """Token ids to the decoder's cross-attention keys and values."""

    cross_type = Cross
    source_axes = (3, 3, 1)  # of each tensor, the one over the context

    def __init__(self, model: ReplyModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, speakers: Tensor, noise: Tensor) -> Cross:
        """Ids (rows, source), noise (rows, 2, latent)."""
        memory = self.model.encode(tokens, speakers, noise)
        attentions = [layer.cross_attention for layer in decoder_layers(self.model)]
        keys = [_heads(attention.key(memory.context), attention) for attention in attentions]
        values = [_heads(attention.value(memory.context), attention) for attention in attentions]
        return Cross(torch.stack(keys, 1), torch.stack(values, 1), ~memory.real)


class DecodeStep(nn.Module):
    """One token a row through the decoder."""

    cache_type = Cache
    arange: Tensor

    def __init__(self, model: ReplyModel) -> None:
        super().__init__()
        self.model = model
        self.layers = nn.ModuleList(CachedLayer(layer) for layer in decoder_layers(model))
        self.register_buffer("arange", torch.arange(NEW_TOKENS), persistent=False)

    def empty_cache(self, rows: int) -> Cache:
        """Before the first token."""
        config, device = self.model.config, self.arange.device
        layers, width = config.num_layers, config.key_dim // config.num_heads
        return Cache(
            torch.zeros(rows, layers, config.num_heads, NEW_TOKENS, width, device=device),
            torch.zeros(rows, layers, config.num_heads, NEW_TOKENS, width, device=device),
            torch.zeros(rows, layers, 2, config.hidden_dim, device=device),
            torch.zeros(rows, layers, 2, config.filter_dim, device=device),
        )

    def forward(
        self, tokens: Tensor, position: Tensor, cross: Cross, cache: Cache
    ) -> tuple[Tensor, Cache]:
        """Ids (rows,) at position (1,) -> logits (rows, vocabulary)."""
        decoder = self.model.decoder
        x = decoder.projection(self.model.embed(tokens)) + decoder.positions[position]
        here = (self.arange == position)[:, None]  # (positions, 1)
        future = self.arange > position
        parts = []
        for index, layer in enumerate(self.layers):
            own_cross = Cross(cross.keys[:, index], cross.values[:, index], cross.blocked)
            own_cache = Cache(*(tensor[:, index] for tensor in cache))
            x, updated = layer(x, here, future, own_cross, own_cache)
            parts.append(updated)
        cache = Cache(*(torch.stack(tensors, 1) for tensors in zip(*parts, strict=True)))
        return self.model.output(decoder.norm(x)), cache


class CachedLayer(nn.Module):
    """A decoder layer for the newest token; the convolutions become products over three inputs."""

    def __init__(self, layer: DecoderLayer) -> None:
        super().__init__()
        self.layer = layer
        self.inner = _as_linear(layer.feed_forward.inner)
        self.outer = _as_linear(layer.feed_forward.outer)

    def forward(
        self, x: Tensor, here: Tensor, future: Tensor, cross: Cross, cache: Cache
    ) -> tuple[Tensor, Cache]:
        """X (rows, dim); here (positions, 1) and future (positions,) mask the cache."""
        layer, attention = self.layer, self.layer.attention
        normed = layer.attention_norm(x)[:, None]  # (rows, 1, dim)
        keys = torch.where(here, _heads(attention.key(normed), attention), cache.keys)
        values = torch.where(here, _heads(attention.value(normed), attention), cache.values)
        x = x + _attend(attention, normed, keys, values, future)
        normed = layer.cross_attention_norm(x)[:, None]
        blocked = cross.blocked[:, None, None]
        x = x + _attend(layer.cross_attention, normed, cross.keys, cross.values, blocked)

        inner = torch.cat([cache.inner, layer.feed_forward_norm(x)[:, None]], 1)
        hidden = self.inner(inner.flatten(1)).relu()
        outer = torch.cat([cache.outer, hidden[:, None]], 1)
        x = x + self.outer(outer.flatten(1)).relu()
        return x, Cache(keys, values, inner[:, 1:], outer[:, 1:])


def _heads(x: Tensor, attention: Attention) -> Tensor:
    """(rows, length, key_dim) -> (rows, heads, length, width)."""
    return x.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)


def _attend(
    attention: Attention, queries: Tensor, keys: Tensor, values: Tensor, blocked: Tensor
) -> Tensor:
    """Queries (rows, 1, dim) -> (rows, dim)."""
    query = _heads(attention.query(queries), attention)
    logits = (query * query.shape[-1] ** -0.5) @ keys.transpose(-1, -2)
    weights = logits.masked_fill(blocked, MASKED).softmax(-1)
    return attention.output((weights @ values).flatten(1))


def _as_linear(convolution: nn.Conv1d) -> nn.Linear:
    """Over three inputs side by side, oldest first; a Linear is what the int8 peers can replace."""
    out, width, taps = convolution.weight.shape
    linear = nn.Linear(taps * width, out)
    linear.weight.data = convolution.weight.data.transpose(1, 2).reshape(out, -1).contiguous()
    assert convolution.bias is not None
    linear.bias.data = convolution.bias.data
    return linear
