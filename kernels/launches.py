"""Every kernel launched once, on tensors without data, in the shapes of the bundled models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS, POSITIVE
from mime_fast.kernels.attend_rows import Rotation, attend_rows
from mime_fast.kernels.attention import attention
from mime_fast.kernels.begin_step import begin_step
from mime_fast.kernels.decode_step import DecoderWeights, decode_step
from mime_fast.kernels.embed import embed
from mime_fast.kernels.emotions import EmotionWeights, IntentWeights, emotions
from mime_fast.kernels.fusion import fusion
from mime_fast.kernels.layer_norm import Norm, layer_norm
from mime_fast.kernels.linear import MOST_VECTORS, Matrix, Second, linear, product
from mime_fast.kernels.padding import padded
from mime_fast.kernels.project import project
from mime_fast.kernels.replies import Replies
from mime_fast.kernels.row_caches import Caches, LlamaCaches
from mime_fast.kernels.row_groups import GroupProgress
from mime_fast.systems import mime_base
from mime_fast.text.special import EOS

CONFIG = ModelConfig(vocab_size=23_700)
BASE_CONFIG = ModelConfig(
    architecture=mime_base.NAME, vocab_size=12_448, context_vocab_size=10_520, **mime_base.SHAPE
)
BATCH, LENGTH, ROWS, STEPS = 2, 40, 5, 50
MANY = 4 * MOST_VECTORS  # rows that are multiplied together


def tensor(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Without data: nothing is computed with it."""
    return torch.empty(*shape, dtype=dtype, device="meta")


def matrix(*shape: int, dtype: torch.dtype) -> Tensor:
    """Weights, padded as the engine pads them."""
    return padded(tensor(*shape, dtype=dtype))


def whole_matrix(*shape: int, dtype: torch.dtype, bias: bool = False) -> Matrix:
    """A matrix with what belongs to it: int8 has scales."""
    columns = tensor(shape[-2])
    scale = columns if dtype == torch.int8 else None
    return Matrix(matrix(*shape, dtype=dtype), scale, columns if bias else None)


def ids(*shape: int) -> Tensor:
    """Ids without data, int32."""
    return tensor(*shape, dtype=torch.int32)


def embedding(weights: torch.dtype) -> None:
    """The context encoder's input."""
    words = matrix(CONFIG.vocab_size, CONFIG.hidden_dim, dtype=weights)
    timing = tensor(CONFIG.max_positions, CONFIG.hidden_dim)
    embed(ids(BATCH, LENGTH), ids(BATCH, LENGTH), ids(BATCH), words, words, timing)


def encoder(weights: torch.dtype) -> None:
    """Every form that an encoder layer uses."""
    dim, key_dim, filter_dim = CONFIG.hidden_dim, CONFIG.key_dim, CONFIG.filter_dim
    x, lengths, norm = tensor(BATCH, LENGTH, dim), ids(BATCH), norm_of(dim)
    layer_norm(x, norm, lengths)
    qkv = linear(x, matrix(3 * key_dim, 1, dim, dtype=weights), lengths, norm=norm)
    attended = attention(qkv, lengths, CONFIG.num_heads)
    linear(attended, matrix(dim, 1, key_dim, dtype=weights), lengths, residual=x)
    inner = matrix(filter_dim, 3, dim, dtype=weights)
    hidden = linear(x, inner, lengths, bias=tensor(filter_dim), norm=norm, activation="relu")
    outer = matrix(dim, 3, filter_dim, dtype=weights)
    linear(hidden, outer, lengths, bias=tensor(dim), activation="relu", residual=x)
    context = matrix(dim, 1, dim, dtype=weights)
    linear(x, context, lengths, bias=tensor(2 * BATCH, dim), residual=tensor(1, LENGTH, dim))


def norm_of(dim: int, epsilon: float | None = None) -> Norm:
    """A layer norm without data."""
    return Norm(tensor(dim), tensor(dim), epsilon)


def emotion_path(weights: torch.dtype) -> None:
    """Recognition to refinements, and the gate."""
    dim = CONFIG.hidden_dim
    own = emotion_weights(
        CONFIG, weights, len(EMOTIONS) + dim, refine=Matrix(matrix(2, dim, dim, dtype=weights))
    )
    launch_emotions(CONFIG, own)
    for batch in (BATCH, 256):
        fusion(
            both=tensor(batch, LENGTH, 2 * dim),
            gate=matrix(2 * dim, 2 * dim, dtype=weights),
            gate_bias=tensor(2 * dim),
            output=matrix(dim, 2 * dim, dtype=weights),
            output_bias=tensor(dim),
            lengths=ids(batch),
        )


def emotion_weights(
    config: ModelConfig, weights: torch.dtype, recognised: int, **own: Any
) -> EmotionWeights:
    """What both systems have alike; recognised: columns of the first product."""
    dim, latent, count = config.hidden_dim, config.latent_dim, len(EMOTIONS)
    folded = as_float(weights)
    return EmotionWeights(
        recognise=whole_matrix(recognised, dim, dtype=folded, bias=True),
        prior=whole_matrix(4 * latent, dim, dtype=weights, bias=True),
        mixture=whole_matrix(count, latent, dtype=folded, bias=True),
        members=ids(count),
        table=matrix(count, dim, dtype=folded),
        positives=len(POSITIVE),
        **own,
    )


def as_float(weights: torch.dtype) -> torch.dtype:
    """The type of matrices that are folded when they are loaded."""
    return torch.float32 if weights == torch.int8 else weights


def launch_emotions(config: ModelConfig, weights: EmotionWeights) -> None:
    """Few requests, and many."""
    for batch in (BATCH, MANY):
        query, noise = tensor(batch, config.hidden_dim), tensor(batch, 2, config.latent_dim)
        gumbels = None
        if weights.intents is not None:
            gumbels = tensor(batch, len(weights.intents.table), dtype=torch.float64)
        emotions(query, noise, ids(batch), weights, gumbels)


def decoder(weights: torch.dtype) -> None:
    """A step: the layers, then the projection as greedy, beams and sampling need it."""
    dim, key_dim, filter_dim = CONFIG.hidden_dim, CONFIG.key_dim, CONFIG.filter_dim
    layers = CONFIG.num_layers
    replies = Replies(ids(ROWS, STEPS + 1), ids(ROWS), ids(ROWS, 3), tensor(ROWS))
    caches = Caches(
        sources=ids(ROWS),
        kv_positions=ids(ROWS, STEPS),
        keys_values=tensor(layers, STEPS, ROWS, 2 * key_dim),
        inner=tensor(layers, STEPS, ROWS, dim),
        outer=tensor(layers, STEPS, ROWS, filter_dim),
        cross=tensor(layers, BATCH, LENGTH, 2 * key_dim),
        lengths=ids(BATCH),
    )
    decoder_weights = DecoderWeights(
        words=matrix(CONFIG.vocab_size, dim, dtype=weights),
        timing=tensor(CONFIG.max_positions, dim),
        norms=tensor(layers, 3, 2, dim),
        qkv=matrix(layers, 3 * key_dim, dim, dtype=weights),
        output=matrix(layers, dim, key_dim, dtype=weights),
        cross_query=matrix(layers, key_dim, dim, dtype=weights),
        cross_output=matrix(layers, dim, key_dim, dtype=weights),
        inner=matrix(layers, filter_dim, 3 * dim, dtype=weights),
        inner_bias=tensor(layers, filter_dim),
        outer=matrix(layers, dim, 3 * filter_dim, dtype=weights),
        outer_bias=tensor(layers, dim),
        last_norm=tensor(2, dim),
    )
    heads = CONFIG.num_heads
    hidden = decode_step(replies, caches, decoder_weights, heads=heads, end_word=EOS)
    progress = GroupProgress(ids(ROWS), ids(1), ids(1))
    decode_step(
        replies, caches, decoder_weights, heads=heads, end_word=EOS, group=ROWS, progress=progress
    )
    weight = matrix(CONFIG.vocab_size, dim, dtype=weights)
    projections(hidden, weight)
    projections(tensor(MANY, dim), weight)


def projections(hidden: Tensor, weight: Tensor, **options: Any) -> None:
    """The forms of greedy search, sampling and beams.

    Constraints cost most where all logits are written.
    """
    (rows, _), words = hidden.shape, len(weight)
    replies = Replies(ids(rows, STEPS + 1), ids(rows), ids(rows, 3), tensor(rows))
    logits, log_probs = tensor(rows, words), tensor(rows, STEPS)
    arguments = hidden, weight, tensor(words), replies
    project(*arguments, end_word=EOS, log_probs=log_probs, **options)
    project(*arguments, end_word=EOS, logits=logits, constrained=True, **options)
    for constrained in (False, True):
        project(*arguments, end_word=EOS, kept=10, constrained=constrained, **options)


def base_encoder(weights: torch.dtype) -> None:
    """The context encoder of mime-base, and what follows it."""
    c = BASE_CONFIG
    dim, lengths = c.hidden_dim, ids(BATCH)
    words, scale, _ = whole_matrix(c.context_vocab_size, dim, dtype=weights)
    spoken, places = tensor(2, dim), tensor(c.max_positions, dim)
    x = embed(ids(BATCH, LENGTH), ids(BATCH, LENGTH), lengths, words, spoken, places, scale)
    norm = norm_of(dim, 1e-12)
    layer_norm(x, norm, lengths)

    def product_of(x: Tensor, columns: int, **options: Any) -> Tensor:
        weight, scale, bias = whole_matrix(columns, x.shape[-1], dtype=weights, bias=True)
        options = {"bias": bias} | options
        return linear(x, weight[:, None], lengths, scale=scale, **options)

    attended = attention(product_of(x, 3 * dim, norm=norm), lengths, c.num_heads)
    product_of(attended, dim, residual=x, residual_norm=norm)
    inner = product_of(x, c.filter_dim, norm=norm, activation="gelu")
    product_of(inner, dim, residual=x, residual_norm=norm)
    product_of(x, dim, bias=tensor(2 * BATCH, dim), residual=x)
    both = product_of(tensor(BATCH, LENGTH, 2 * dim), 2 * dim, activation="gate")
    fused = product_of(both, dim, residual=x)
    keys_values = 2 * c.decoder_dim // c.decoder_heads * c.decoder_kv_heads
    product_of(fused, keys_values, bias=None, norm=norm_of(dim, 1e-5))


def base_emotion_path(weights: torch.dtype) -> None:
    """Recognition, the intent, refinements and conditioning."""
    c = BASE_CONFIG
    dim = c.hidden_dim
    table, scale, _ = whole_matrix(c.intents, c.decoder_dim, dtype=weights)
    conditioning = whole_matrix(c.decoder_dim, 3 * dim, dtype=weights, bias=True)
    own = emotion_weights(
        c,
        weights,
        len(EMOTIONS) + c.intents + dim,
        refine=whole_matrix(dim, dim, dtype=weights, bias=True),
        intents=IntentWeights(table, scale, conditioning),
    )
    launch_emotions(c, own)


def base_decoder(weights: torch.dtype) -> None:
    """A step of mime-base: few rows, and many."""
    c = BASE_CONFIG
    dim, heads, filter_dim = c.decoder_dim, c.decoder_heads, c.decoder_filter_dim
    kv_dim = dim // heads * c.decoder_kv_heads
    rotation = Rotation(*(tensor(c.max_positions, dim // heads // 2) for _ in range(2)))
    norm, vocabulary = Norm(tensor(dim), None, 1e-5), whole_matrix(c.vocab_size, dim, dtype=weights)
    for rows in (ROWS, MANY):
        replies = Replies(ids(rows, STEPS + 1), ids(rows), ids(rows, 3), tensor(rows))
        caches = LlamaCaches(
            sources=ids(rows),
            kv_positions=ids(rows, STEPS),
            keys_values=tensor(c.decoder_layers, STEPS, rows, 2 * kv_dim),
            cross=tensor(c.decoder_layers, BATCH, LENGTH, 2 * kv_dim),
            lengths=ids(BATCH),
            conditioning=tensor(BATCH, dim),
        )
        step = begin_step(replies, caches, vocabulary.weight, vocabulary.scale, EOS)
        x, active = step.x, step.active
        qkv = whole_matrix(dim + 2 * kv_dim, dim, dtype=weights)
        second = Second(caches.keys_values[0].flatten(0, 1), step.places)
        query = product(x, **qkv._asdict(), active=active, norm=norm, second=second)
        own = replies.positions, rotation
        found = attend_rows(query, caches.keys_values[0], active, caches, heads, own)
        square = whole_matrix(dim, dim, dtype=weights)
        x = product(found, **square._asdict(), active=active, residual=x)
        query = product(x, **square._asdict(), active=active, norm=norm)
        attend_rows(query, caches.cross[0], active, caches, heads)
        gate_up = whole_matrix(2 * filter_dim, dim, dtype=weights)
        inner = product(x, **gate_up._asdict(), active=active, norm=norm, activation="swiglu")
        down = whole_matrix(dim, filter_dim, dtype=weights)
        product(inner, **down._asdict(), active=active, residual=x)
        projections(x, vocabulary.weight, scale=vocabulary.scale, norm=norm)


Launches = tuple[Callable[[torch.dtype], None], ...]
SMALL: Launches = (embedding, encoder, emotion_path, decoder)
BASE: Launches = (base_encoder, base_emotion_path, base_decoder)
# Types that the engine keeps matrices in, the launches of the model, and for which GPUs they are
# compiled: a compilation takes a second, so each half precision has one GPU.
BY_TYPE: tuple[tuple[torch.dtype, Launches, tuple[int, ...]], ...] = (
    (torch.float32, SMALL, (80, 90)),
    (torch.float16, SMALL, (80,)),
    (torch.bfloat16, SMALL, (90,)),
    (torch.int8, BASE, (80, 90)),
    (torch.bfloat16, BASE, (90,)),
)
