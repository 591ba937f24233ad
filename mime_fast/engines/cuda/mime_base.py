"""mime-base on a device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mime_fast.emotions import NEGATIVE, POSITIVE
from mime_fast.engines.cuda.memory import Fields
from mime_fast.engines.cuda.mime import mean_of
from mime_fast.engines.cuda.reader import Reader
from mime_fast.engines.cuda.system import CudaSystem, Found, Projection, RequestMemory
from mime_fast.kernels.attend_rows import Rotation, attend_rows
from mime_fast.kernels.attention import attention
from mime_fast.kernels.begin_step import begin_step
from mime_fast.kernels.embed import embed
from mime_fast.kernels.emotions import Emotions, EmotionWeights, IntentWeights, emotions
from mime_fast.kernels.layer_norm import Norm, layer_norm
from mime_fast.kernels.linear import Matrix, Second, linear, product
from mime_fast.kernels.replies import Replies
from mime_fast.kernels.row_caches import LlamaCaches
from mime_fast.kernels.row_groups import GroupProgress
from mime_fast.models.bert import EPSILON
from mime_fast.models.llama import rotations
from mime_fast.models.mime_base import decoder_config
from mime_fast.text.special import EOS, NEVER_GENERATED, SYS
from mime_fast.types import FloatArray

MEMORY_EPSILON = 1e-5  # of nn.LayerNorm


class BertLayerWeights(NamedTuple):
    """A layer of the context encoder, or the refinement's; norms follow what they are named for."""

    qkv: Matrix  # (columns, 1, inner), as kernels/linear.py takes them, and so on
    output: Matrix
    attention_norm: Norm
    inner: Matrix
    outer: Matrix
    output_norm: Norm


class DecoderLayerWeights(NamedTuple):
    """A layer of the decoder; matrices are (columns, inner)."""

    attention_norm: Norm
    qkv: Matrix  # columns of queries and keys as kernels/attend_rows.py turns them
    output: Matrix
    cross_norm: Norm
    cross_query: Matrix
    cross_output: Matrix
    feed_forward_norm: Norm
    gate_up: Matrix
    down: Matrix


class Unnormed(NamedTuple):
    """States whose norm is left to the kernels that read them."""

    x: Tensor
    norm: Norm


@dataclass(frozen=True)
class MimeBaseWeights:
    """All of mime-base. The classifier is folded into the emotions."""

    words: Matrix  # (context vocabulary, dim)
    types: Tensor  # (2, dim)
    positions: Tensor  # (max_positions, dim)
    embedding_norm: Norm
    context_encoder: list[BertLayerWeights]
    emotions: EmotionWeights
    refinement_input: Matrix  # the half of it for the context
    refinement: BertLayerWeights
    gate: Matrix
    fusion: Matrix
    memory_norm: Norm
    cross: list[Matrix]  # a layer: keys and values
    decoder: list[DecoderLayerWeights]
    reply_words: Matrix  # (vocabulary, decoder dim)
    rotation: Rotation


class MimeBase(CudaSystem):
    """MIME on a pretrained encoder and decoder; mime_fast/models/mime_base.py has its equations."""

    weights: MimeBaseWeights

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader.config, reader.device)
        self.weights, self.projection = _read(reader), _read_projection(reader)
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


def _read(reader: Reader) -> MimeBaseWeights:
    config = reader.config
    shape = decoder_config(config)
    angles = rotations(shape, config.max_positions)

    def sequences(*names: str, bias: bool = True, columns: slice = slice(None)) -> Matrix:
        """As linear() takes it."""
        found = reader.matrix(*names, bias=bias, columns=columns)
        return found._replace(weight=found.weight[:, None])

    def bert_layer(name: str) -> BertLayerWeights:
        return BertLayerWeights(
            qkv=sequences(*(f"{name}.attention.{part}" for part in ("query", "key", "value"))),
            output=sequences(f"{name}.attention.output"),
            attention_norm=reader.norm(f"{name}.attention_norm", EPSILON),
            inner=sequences(f"{name}.inner"),
            outer=sequences(f"{name}.outer"),
            output_norm=reader.norm(f"{name}.output_norm", EPSILON),
        )

    layers = [f"decoder.layers.{index}" for index in range(shape.num_layers)]
    return MimeBaseWeights(
        words=reader.matrix("context_encoder.embedding"),
        types=reader.put(reader.get("context_encoder.types")),
        positions=reader.put(reader.get("context_encoder.positions")),
        embedding_norm=reader.norm("context_encoder.norm", EPSILON),
        context_encoder=[
            bert_layer(f"context_encoder.layers.{index}") for index in range(config.num_layers)
        ],
        emotions=_read_emotions(reader),
        refinement_input=sequences(
            "refinement_input", bias=False, columns=slice(config.hidden_dim)
        ),
        refinement=bert_layer("refinement"),
        gate=sequences("fusion.gate"),
        fusion=sequences("fusion.output"),
        memory_norm=reader.norm("memory_norm", MEMORY_EPSILON),
        cross=[
            sequences(*(f"{layer}.cross_attention.{part}" for part in ("key", "value")), bias=False)
            for layer in layers
        ],
        decoder=[_read_layer(reader, layer) for layer in layers],
        reply_words=reader.matrix("decoder.embedding"),
        rotation=Rotation(*(reader.put(table) for table in angles)),
    )


def _read_layer(reader: Reader, name: str) -> DecoderLayerWeights:
    shape = decoder_config(reader.config)

    def norm(part: str) -> Norm:
        return Norm(reader.put(reader.get(f"{name}.{part}")), None, shape.norm_epsilon)

    qkv = [f"{name}.attention.{part}" for part in ("query", "key", "value")]
    turned = [*_pairs_apart(shape.num_heads + shape.num_kv_heads, shape.head_dim)]
    columns = shape.hidden_dim + 2 * shape.num_kv_heads * shape.head_dim
    order = torch.tensor([*turned, *range(len(turned), columns)])
    return DecoderLayerWeights(
        attention_norm=norm("attention_norm"),
        qkv=reader.matrix(*qkv, rows=order),
        output=reader.matrix(f"{name}.attention.output"),
        cross_norm=norm("cross_attention_norm"),
        cross_query=reader.matrix(f"{name}.cross_attention.query"),
        cross_output=reader.matrix(f"{name}.cross_attention.output"),
        feed_forward_norm=norm("feed_forward_norm"),
        gate_up=reader.matrix(f"{name}.feed_forward.gate", f"{name}.feed_forward.up"),
        down=reader.matrix(f"{name}.feed_forward.down"),
    )


def _pairs_apart(heads: int, width: int) -> Iterator[int]:
    """The columns of each head, the first ones of its neighbouring pairs before the second ones."""
    for first in range(0, heads * width, width):
        yield from range(first, first + width, 2)
        yield from range(first + 1, first + width, 2)


def _read_emotions(reader: Reader) -> EmotionWeights:
    table, dim = reader.get("emotion_embedding"), reader.config.hidden_dim
    heads = ["intent_classifier", "response_emotions.prior_hidden"]
    classifier = table @ reader.get("emotion_classifier")
    recognise = torch.cat([classifier, *(reader.get(name) for name in heads)])
    bias = torch.cat([torch.zeros(len(table)), *(reader.get(name, "bias") for name in heads)])
    intents = reader.matrix("intent_embedding")
    mixtures = [f"response_emotions.{group}_mixture" for group in ("positive", "negative")]
    refine = reader.matrix("refinement_input", bias=True, columns=slice(dim, None))
    return EmotionWeights(
        recognise=reader.folded(recognise, bias),
        prior=reader.matrix("response_emotions.prior", bias=True),
        mixture=reader.folded(
            torch.cat([reader.get(name) for name in mixtures]),
            torch.cat([reader.get(name, "bias") for name in mixtures]),
        ),
        members=reader.put(torch.tensor([*POSITIVE, *NEGATIVE], dtype=torch.int32)),
        table=reader.round(table),
        refine=refine,
        positives=len(POSITIVE),
        intents=IntentWeights(
            intents.weight, intents.scale, reader.matrix("conditioning", bias=True)
        ),
    )


def _read_projection(reader: Reader) -> Projection:
    """The decoder's words once more, behind its last norm."""
    words, shape = reader.matrix("decoder.embedding"), decoder_config(reader.config)
    bias = torch.zeros(reader.config.vocab_size)
    gamma = reader.put(reader.get("decoder.norm"))
    return Projection(
        weight=words.weight,
        bias=reader.put(bias),
        reply_bias=reader.put(bias.index_fill(0, torch.tensor(NEVER_GENERATED), -torch.inf)),
        scale=words.scale,
        norm=Norm(gamma, None, shape.norm_epsilon),
    )
