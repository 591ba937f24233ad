"""Every kernel launched once, on tensors without data, in the shapes of the default model."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS, POSITIVE
from mime_fast.kernels.attention import attention
from mime_fast.kernels.decode_step import DecoderWeights, decode_step
from mime_fast.kernels.embed import embed
from mime_fast.kernels.emotions import EmotionWeights, emotions
from mime_fast.kernels.fusion import fusion
from mime_fast.kernels.layer_norm import layer_norm
from mime_fast.kernels.linear import linear
from mime_fast.kernels.padding import padded
from mime_fast.kernels.project import project
from mime_fast.kernels.replies import Replies
from mime_fast.kernels.row_caches import Caches
from mime_fast.kernels.row_groups import GroupProgress
from mime_fast.text.special import EOS

CONFIG = ModelConfig(vocab_size=23_700)
BATCH, LENGTH, ROWS, STEPS = 2, 40, 5, 50


def tensor(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Without data: nothing is computed with it."""
    return torch.empty(*shape, dtype=dtype, device="meta")


def matrix(*shape: int, dtype: torch.dtype) -> Tensor:
    """Weights, padded as the engine pads them."""
    return padded(tensor(*shape, dtype=dtype))


def ids(*shape: int) -> Tensor:
    """Ids without data, int32."""
    return tensor(*shape, dtype=torch.int32)


def embedding(weights: torch.dtype) -> None:
    """The context encoder's input."""
    words = matrix(CONFIG.vocab_size, CONFIG.hidden_dim, dtype=weights)
    timing = tensor(CONFIG.max_positions, CONFIG.hidden_dim)
    embed(ids(BATCH, LENGTH), ids(BATCH, LENGTH), ids(BATCH), words, timing)


def encoder(weights: torch.dtype) -> None:
    """Every form that an encoder layer uses."""
    dim, key_dim, filter_dim = CONFIG.hidden_dim, CONFIG.key_dim, CONFIG.filter_dim
    x, lengths, norm = tensor(BATCH, LENGTH, dim), ids(BATCH), (tensor(dim), tensor(dim))
    layer_norm(x, *norm, lengths)
    qkv = linear(x, matrix(3 * key_dim, 1, dim, dtype=weights), lengths, norm=norm)
    attended = attention(qkv, lengths, CONFIG.num_heads)
    linear(attended, matrix(dim, 1, key_dim, dtype=weights), lengths, residual=x)
    inner = matrix(filter_dim, 3, dim, dtype=weights)
    hidden = linear(x, inner, lengths, bias=tensor(filter_dim), norm=norm, relu=True)
    outer = matrix(dim, 3, filter_dim, dtype=weights)
    linear(hidden, outer, lengths, bias=tensor(dim), relu=True, residual=x)
    context = matrix(dim, 1, dim, dtype=weights)
    linear(x, context, lengths, bias=tensor(BATCH, dim), residual=tensor(1, LENGTH, dim))


def emotion_path(weights: torch.dtype) -> None:
    """Recognition to refinements, and the gate."""
    dim, latent, count = CONFIG.hidden_dim, CONFIG.latent_dim, len(EMOTIONS)
    emotions(
        tensor(BATCH, dim),
        tensor(BATCH, 2, latent),
        ids(BATCH),
        EmotionWeights(
            classifier=matrix(count, dim, dtype=weights),
            prior_hidden=matrix(dim, dim, dtype=weights),
            prior_hidden_bias=tensor(dim),
            prior=matrix(2, 2, latent, dim, dtype=weights),
            prior_bias=tensor(2, 2, latent),
            mixture=matrix(count, latent, dtype=weights),
            mixture_bias=tensor(count),
            members=ids(count),
            table=matrix(count, dim, dtype=weights),
            refine=matrix(2, dim, dim, dtype=weights),
            positives=len(POSITIVE),
        ),
    )
    for batch in (BATCH, 256):
        fusion(
            both=tensor(batch, LENGTH, 2 * dim),
            gate=matrix(2 * dim, 2 * dim, dtype=weights),
            gate_bias=tensor(2 * dim),
            output=matrix(dim, 2 * dim, dtype=weights),
            output_bias=tensor(dim),
            lengths=ids(batch),
        )


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
    logits, log_probs = tensor(ROWS, CONFIG.vocab_size), tensor(ROWS, STEPS)
    arguments = hidden, weight, tensor(CONFIG.vocab_size), replies
    for constrained in (False, True):
        project(*arguments, end_word=EOS, constrained=constrained, log_probs=log_probs)
        project(*arguments, end_word=EOS, constrained=constrained, kept=10)
        project(*arguments, end_word=EOS, constrained=constrained, logits=logits)


ALL: tuple[Callable[[torch.dtype], None], ...] = (embedding, encoder, emotion_path, decoder)
