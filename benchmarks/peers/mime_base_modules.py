"""mime-base's weights with a key/value cache: what its torch and ONNX peers run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from benchmarks.workload import NEW_TOKENS
from mime_fast.models.crossing import CrossLayer
from mime_fast.models.llama import GroupedAttention, rotate, rotations
from mime_fast.models.mime_base import MimeBase


class MimeBaseCross(NamedTuple):
    """The fused context as the decoder layers attend to it; one entry a row."""

    keys: Tensor  # (rows, layers, heads, source, width)
    values: Tensor
    blocked: Tensor  # bool (rows, source)
    conditioning: Tensor  # (rows, dim)


class MimeBaseCache(NamedTuple):
    """Caches of the decoder layers, of full length from the start: no shape changes."""

    keys: Tensor  # (rows, layers, heads, NEW_TOKENS, width)
    values: Tensor


def layers_of(model: MimeBase) -> list[CrossLayer]:
    """The decoder's layers with their type, which a ModuleList does not have."""
    return [cast("CrossLayer", layer) for layer in model.decoder.layers]


class MimeBaseEncodeOnce(nn.Module):
    """Token ids to the decoder's cross-attention keys and values."""

    cross_type = MimeBaseCross
    source_axes = (3, 3, 1, None)  # of each tensor, the one over the context

    def __init__(self, model: MimeBase) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, speakers: Tensor, noise: Tensor) -> MimeBaseCross:
        """Ids (rows, source), noise (rows, 3, latent)."""
        memory = self.model.encode(tokens, speakers, noise)
        attentions = [layer.cross_attention for layer in layers_of(self.model)]
        keys = [_heads(attention.key(memory.context), attention) for attention in attentions]
        values = [_heads(attention.value(memory.context), attention) for attention in attentions]
        return MimeBaseCross(
            torch.stack(keys, 1), torch.stack(values, 1), ~memory.real, memory.conditioning
        )


class MimeBaseDecodeStep(nn.Module):
    """One token a row through the decoder."""

    cache_type = MimeBaseCache
    arange: Tensor
    rotations: Tensor
    bias: Tensor | None

    def __init__(self, model: MimeBase, blocked: Sequence[int] = ()) -> None:
        """blocked: words that get no probability, where the host does not block them."""
        super().__init__()
        self.model = model
        bias = torch.zeros(model.config.vocab_size)
        bias[list(blocked)] = -torch.inf
        self.register_buffer("bias", bias if blocked else None, persistent=False)
        self.register_buffer("arange", torch.arange(NEW_TOKENS), persistent=False)
        table = rotations(model.decoder.config, NEW_TOKENS)
        self.register_buffer("rotations", table, persistent=False)

    def empty_cache(self, rows: int) -> MimeBaseCache:
        """Before the first token."""
        config = self.model.decoder.config
        shape = rows, config.num_layers, config.num_kv_heads, NEW_TOKENS, config.head_dim
        device = self.arange.device
        return MimeBaseCache(torch.zeros(shape, device=device), torch.zeros(shape, device=device))

    def forward(
        self, tokens: Tensor, position: Tensor, cross: MimeBaseCross, cache: MimeBaseCache
    ) -> tuple[Tensor, MimeBaseCache]:
        """Ids (rows,) at position (1,) -> logits (rows, vocabulary)."""
        decoder = self.model.decoder
        x = (decoder.embedding(tokens) + cross.conditioning)[:, None]  # (rows, 1, dim)
        here = (self.arange == position)[:, None]  # (positions, 1)
        past = (self.arange <= position)[None, None, None]
        real = ~cross.blocked[:, None, None]
        rotation = self.rotations[:, position]
        all_keys, all_values = [], []
        for index, layer in enumerate(layers_of(self.model)):
            normed = layer.attention_norm(x)
            query, key, value = layer.attention.project(normed, normed)
            keys = torch.where(here, rotate(key, rotation), cache.keys[:, index])
            values = torch.where(here, value, cache.values[:, index])
            x = x + layer.attention.attend(rotate(query, rotation), keys, values, past)
            crossing = layer.cross_attention
            query = _heads(crossing.query(layer.cross_attention_norm(x)), crossing)
            x = x + crossing.attend(query, cross.keys[:, index], cross.values[:, index], real)
            x = x + layer.feed_forward(layer.feed_forward_norm(x))
            all_keys.append(keys)
            all_values.append(values)
        cache = MimeBaseCache(torch.stack(all_keys, 1), torch.stack(all_values, 1))
        logits = self.model.project(decoder.norm(x[:, 0]))
        return logits if self.bias is None else logits + self.bias, cache


def _heads(x: Tensor, attention: GroupedAttention) -> Tensor:
    """(rows, length, heads * width) -> (rows, heads, length, width)."""
    return x.unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)
