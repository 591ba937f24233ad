"""MIME on a device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mime_fast.engines.cuda.memory import Fields
from mime_fast.engines.cuda.mime_weights import EncoderWeights, MimeReader, MimeWeights
from mime_fast.engines.cuda.system import CudaSystem, Found, RequestMemory
from mime_fast.engines.cuda.weight_reader import WeightReader
from mime_fast.kernels.attention import attention
from mime_fast.kernels.decode_step import decode_step
from mime_fast.kernels.embed import embed
from mime_fast.kernels.emotions import Emotions, emotions
from mime_fast.kernels.fusion import fusion
from mime_fast.kernels.layer_norm import layer_norm
from mime_fast.kernels.linear import linear
from mime_fast.kernels.replies import Replies
from mime_fast.kernels.row_caches import Caches
from mime_fast.kernels.row_groups import GroupProgress
from mime_fast.text.special import EOS
from mime_fast.types import FloatArray


class Mime(CudaSystem):
    """MIME as its paper and as its released code have it."""

    weights: MimeWeights

    def __init__(self, reader: WeightReader) -> None:
        super().__init__(reader.config, reader.device)
        read = MimeReader(reader)
        self.weights, self.projection = read.weights(), read.projection()
        self.layers, self.kv_dim = self.config.num_layers, self.config.key_dim

    def input_fields(self, batch: int, length: int) -> Fields:
        """The noise of both latent variables, and zeros that the gate counts its programs in."""
        return {
            "noise": ("float32", (batch, 2, self.config.latent_dim)),
            "arrived": ("int32", (batch, length)),
        }

    def fill(self, arrays: dict[str, Any], noise: FloatArray) -> None:
        """The noise is read as it was drawn."""
        arrays["noise"][: len(noise)] = noise

    def encode(self, inputs: dict[str, Tensor], found: Found, memory: RequestMemory) -> None:
        """The context encoder, the emotion path, both refinements together, the gate."""
        w, lengths = self.weights, inputs["lengths"]
        x = embed(inputs["tokens"], inputs["speakers"], lengths, w.words, w.words, w.timing)
        context = layer_norm(
            self._stack(w.context_encoder, x, lengths), w.context_encoder.norm, lengths
        )
        batch, length, dim = context.shape
        out = Emotions(*found, refinements=context.new_empty(2, batch, dim))
        emotions(self._query(context, lengths), inputs["noise"], inputs["forced"], w.emotions,
                 out=out)  # fmt: skip
        x = linear(
            context, w.refinement, lengths, bias=out.refinements.flatten(0, 1),
            residual=w.timing[None],
        )  # fmt: skip
        both = context.new_empty(batch, length, 2 * dim)
        halves = both.unflatten(-1, (2, dim)).permute(2, 0, 1, 3)
        refined = self._stack(w.response_encoder, x, lengths)
        layer_norm(refined, w.response_encoder.norm, lengths, halves)
        fused = fusion(both, *w.fusion, lengths, inputs["arrived"])
        for layer, weight in enumerate(w.cross):
            linear(fused, weight, lengths, out=memory.cross[layer])

    def _query(self, context: Tensor, lengths: Tensor) -> Tensor:
        return mean_of(context, lengths) if self.config.mean_query else context[:, 0]

    def _stack(self, encoder: EncoderWeights, x: Tensor, lengths: Tensor) -> Tensor:
        for layer in encoder.layers:
            qkv = linear(x, lengths=lengths, **layer.qkv._asdict(), norm=layer.attention_norm)
            attended = attention(qkv, lengths, self.config.num_heads)
            x = linear(attended, lengths=lengths, **layer.output._asdict(), residual=x)
            inner = linear(
                x, lengths=lengths, **layer.inner._asdict(), norm=layer.feed_forward_norm,
                activation="relu",
            )  # fmt: skip
            x = linear(
                inner, lengths=lengths, **layer.outer._asdict(), activation="relu", residual=x
            )
        return x

    def new_caches(
        self, steps: int, sources: Tensor, memory: RequestMemory, lengths: Tensor
    ) -> Caches:
        """Make caches that hold no step yet; the arguments are those of CudaSystem.new_caches."""
        config, rows = self.config, len(sources)
        return Caches(
            sources=sources,
            kv_positions=torch.zeros(rows, steps, dtype=torch.int32, device=self.device),
            keys_values=self.new_cache(steps, rows, 2 * config.key_dim),
            inner=self.new_cache(steps, rows, config.hidden_dim),
            outer=self.new_cache(steps, rows, config.filter_dim),
            cross=memory.cross,
            lengths=lengths,
        )

    def decode(
        self,
        replies: Replies,
        caches: Caches,
        group: int = 1,
        progress: GroupProgress | None = None,
    ) -> Tensor:
        """One launch, whose rows of a group wait for each other."""
        heads = self.config.num_heads
        return decode_step(replies, caches, self.weights.decoder, heads, EOS, group, progress)


def mean_of(x: Tensor, lengths: Tensor) -> Tensor:
    """(batch, length, dim) -> (batch, dim), the mean over each sequence."""
    real = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
    return x.where(real[:, :, None], 0).sum(1) / lengths[:, None]
