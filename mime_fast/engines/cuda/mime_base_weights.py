"""The weights of mime-base on a device, read from a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mime_fast.emotions import NEGATIVE, POSITIVE
from mime_fast.engines.cuda.system import Projection
from mime_fast.engines.cuda.weight_reader import WeightReader
from mime_fast.kernels.attend_rows import Rotation
from mime_fast.kernels.emotions import EmotionWeights, IntentWeights
from mime_fast.kernels.layer_norm import Norm
from mime_fast.kernels.linear import Matrix
from mime_fast.models.bert import EPSILON
from mime_fast.models.llama import rotations
from mime_fast.models.mime_base import decoder_config
from mime_fast.text.special import NEVER_GENERATED

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
    qkv: Matrix  # columns of queries and keys as kernels/attend_rows.py rotates them
    output: Matrix
    cross_norm: Norm
    cross_query: Matrix
    cross_output: Matrix
    feed_forward_norm: Norm
    gate_up: Matrix
    down: Matrix


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


def read_weights(reader: WeightReader) -> MimeBaseWeights:
    """All but the projection."""
    config = reader.config
    shape = decoder_config(config)
    angles = rotations(shape, config.max_positions)

    def sequences(*names: str, bias: bool = True, columns: slice = slice(None)) -> Matrix:
        """A matrix (columns, 1, inner), for sequences."""
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


def _read_layer(reader: WeightReader, name: str) -> DecoderLayerWeights:
    shape = decoder_config(reader.config)

    def norm(part: str) -> Norm:
        return Norm(reader.put(reader.get(f"{name}.{part}")), None, shape.norm_epsilon)

    qkv = [f"{name}.attention.{part}" for part in ("query", "key", "value")]
    rotated = [*_pairs_apart(shape.num_heads + shape.num_kv_heads, shape.head_dim)]
    columns = shape.hidden_dim + 2 * shape.num_kv_heads * shape.head_dim
    order = torch.tensor([*rotated, *range(len(rotated), columns)])
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


def _read_emotions(reader: WeightReader) -> EmotionWeights:
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


def read_projection(reader: WeightReader) -> Projection:
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
