"""mime-base on a device."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from mime_fast.engines.cuda.memory import Fields
from mime_fast.engines.cuda.mime import mean_of
from mime_fast.engines.cuda.mime_base_weights import (
    BertLayerWeights,
    MimeBaseWeights,
    read_projection,
    read_weights,
)
from mime_fast.engines.cuda.system import CudaSystem, Found, RequestMemory
from mime_fast.engines.cuda.weight_reader import WeightReader
from mime_fast.kernels.attend_rows import attend_rows
from mime_fast.kernels.attention import attention
from mime_fast.kernels.begin_step import begin_step
from mime_fast.kernels.embed import embed
from mime_fast.kernels.emotions import Emotions, emotions
from mime_fast.kernels.layer_norm import Norm, layer_norm
from mime_fast.kernels.linear import Second, linear, product
from mime_fast.kernels.replies import Replies
from mime_fast.kernels.row_caches import LlamaCaches
from mime_fast.kernels.row_groups import GroupProgress
from mime_fast.models.mime_base import decoder_config
from mime_fast.text.special import EOS, SYS
from mime_fast.types import FloatArray


class Unnormed(NamedTuple):
    """States whose norm is left to the kernels that read them."""

    x: Tensor
    norm: Norm


class MimeBase(CudaSystem):
    """MIME on a pretrained encoder and decoder; mime_fast/models/mime_base.py has its equations."""

    weights: MimeBaseWeights

    def __init__(self, reader: WeightReader) -> None:
        super().__init__(reader.config, reader.device)
        self.weights, self.projection = read_weights(reader), read_projection(reader)
        shape = decoder_config(self.config)
        self.layers, self.conditioning_dim = shape.num_layers, shape.hidden_dim
        self.kv_dim = shape.num_kv_heads * shape.head_dim

    def input_fields(self, batch: int, length: int) -> Fields:  # noqa: ARG002
        """The noise of both latent variables, and what the intent's draw adds to its logits."""
        return {
            "noise": ("float32", (batch, 2, self.config.latent_dim)),
            "gumbels": ("float64", (batch, self.config.intents)),
        }

    def fill(self, arrays: dict[str, Any], noise: FloatArray) -> None:
        """The third noise vector becomes what is added: as models.mime_base.draw_intent does."""
        config, count = self.config, len(noise)
        arrays["speakers"][...] = arrays["speakers"] == SYS  # whose turn it is
        arrays["noise"][:count] = noise[:, :2, : config.latent_dim]
        drawn = torch.from_numpy(noise[:, 2, : config.intents]).double()
        arrays["gumbels"][:count] = -(-torch.special.ndtr(drawn).log()).log().numpy()

    def encode(self, inputs: dict[str, Tensor], found: Found, memory: RequestMemory) -> None:
        """The context encoder, the emotion path, both refinements together, the gate."""
        w, lengths = self.weights, inputs["lengths"]
        x = embed(
            inputs["tokens"], inputs["speakers"], lengths, w.words.weight, w.types, w.positions,
            w.words.scale,
        )  # fmt: skip
        states = Unnormed(x, w.embedding_norm)
        for layer in w.context_encoder:
            states = self._apply(layer, states, lengths)
        context = layer_norm(*states, lengths)
        batch, length, dim = context.shape
        refinements = context.new_empty(2, batch, dim)
        out = Emotions(*found, refinements=refinements, conditioning=memory.conditioning)
        emotions(
            mean_of(context, lengths), inputs["noise"], inputs["forced"], w.emotions,
            inputs["gumbels"], out,
        )  # fmt: skip
        matrix = w.refinement_input._replace(bias=refinements.flatten(0, 1))
        x = linear(context, lengths=lengths, **matrix._asdict(), residual=context)
        qkv = linear(x, lengths=lengths, **w.refinement.qkv._asdict())
        refined = self._after_attention(w.refinement, qkv, x, None, lengths)
        both = context.new_empty(batch, length, 2 * dim)
        layer_norm(*refined, lengths, both.unflatten(-1, (2, dim)).permute(2, 0, 1, 3))
        gated = linear(both, lengths=lengths, **w.gate._asdict(), activation="gate")
        fused = linear(gated, lengths=lengths, **w.fusion._asdict(), residual=context)
        for number, keys_values in enumerate(w.cross):
            linear(
                fused, lengths=lengths, **keys_values._asdict(), norm=w.memory_norm,
                out=memory.cross[number],
            )  # fmt: skip

    def _apply(self, layer: BertLayerWeights, states: Unnormed, lengths: Tensor) -> Unnormed:
        x, norm = states
        qkv = linear(x, lengths=lengths, **layer.qkv._asdict(), norm=norm)
        return self._after_attention(layer, qkv, x, norm, lengths)

    def _after_attention(
        self, layer: BertLayerWeights, qkv: Tensor, x: Tensor, norm: Norm | None, lengths: Tensor
    ) -> Unnormed:
        """norm: of x; None: it has been applied."""
        attended = attention(qkv, lengths, self.config.num_heads)
        x = linear(
            attended, lengths=lengths, **layer.output._asdict(), residual=x, residual_norm=norm
        )
        inner = linear(
            x, lengths=lengths, **layer.inner._asdict(), norm=layer.attention_norm,
            activation="gelu",
        )  # fmt: skip
        x = linear(
            inner, lengths=lengths, **layer.outer._asdict(), residual=x,
            residual_norm=layer.attention_norm,
        )  # fmt: skip
        return Unnormed(x, layer.output_norm)

    def new_caches(
        self, steps: int, sources: Tensor, memory: RequestMemory, lengths: Tensor
    ) -> LlamaCaches:
        """Make caches that hold no step yet; the arguments are those of CudaSystem.new_caches."""
        rows = len(sources)
        return LlamaCaches(
            sources=sources,
            kv_positions=torch.zeros(rows, steps, dtype=torch.int32, device=self.device),
            keys_values=self.new_cache(steps, rows, 2 * self.kv_dim),
            cross=memory.cross,
            lengths=lengths,
            conditioning=memory.conditioning,
        )

    def decode(
        self,
        replies: Replies,
        caches: LlamaCaches,
        group: int = 1,  # noqa: ARG002 - the launches of a layer follow each other
        progress: GroupProgress | None = None,  # noqa: ARG002 - so no row waits for another
    ) -> Tensor:
        """Eight launches a layer; the projection applies the last norm."""
        w, heads = self.weights, self.config.decoder_heads
        step = begin_step(replies, caches, w.reply_words.weight, w.reply_words.scale, EOS)
        x, active = step.x, step.active
        for number, layer in enumerate(w.decoder):
            cache = caches.keys_values[number]
            newest = Second(cache.flatten(0, 1), step.places)
            query = product(
                x, **layer.qkv._asdict(), active=active, norm=layer.attention_norm, second=newest
            )
            own = replies.positions, w.rotation
            found = attend_rows(query, cache, active, caches, heads, own)
            x = product(found, **layer.output._asdict(), active=active, residual=x)
            query = product(x, **layer.cross_query._asdict(), active=active, norm=layer.cross_norm)
            found = attend_rows(query, caches.cross[number], active, caches, heads)
            x = product(found, **layer.cross_output._asdict(), active=active, residual=x)
            inner = product(
                x, **layer.gate_up._asdict(), active=active, norm=layer.feed_forward_norm,
                activation="swiglu",
            )  # fmt: skip
            x = product(inner, **layer.down._asdict(), active=active, residual=x)
        return x
