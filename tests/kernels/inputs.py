"""Random weights, replies and caches of the decoder's and the emotions' kernels."""

from typing import Any

import torch

from mime_fast.config import ModelConfig
from mime_fast.kernels.decode_step import DecoderWeights
from mime_fast.kernels.emotions import EmotionWeights, IntentWeights
from mime_fast.kernels.linear import Matrix
from mime_fast.kernels.padding import padded
from mime_fast.kernels.replies import Replies
from mime_fast.kernels.row_caches import Caches, LlamaCaches
from mime_fast.kernels.row_groups import GroupProgress
from mime_fast.text.special import EOS
from tests.kernels.tensors import Draw

STEPS = 40


def shape_of(config: ModelConfig) -> dict[str, int]:
    """The numbers of a decoder that the functions below take."""
    return {
        "layers": config.num_layers,
        "dim": config.hidden_dim,
        "key_dim": config.key_dim,
        "filter_dim": config.filter_dim,
    }


def random_matrix(
    draw: Draw, *shape: int, dtype: torch.dtype, bias: bool = False, scale: float | None = None
) -> Matrix:
    """Keeps what it multiplies near 1; int8 has scales."""
    deviation = shape[-1] ** -0.5 if scale is None else scale
    own_bias = draw(shape[-2]) if bias else None
    if dtype != torch.int8:
        return Matrix(padded(draw(*shape, scale=deviation).to(dtype)), None, own_bias)
    weight = padded((draw.ids(255, *shape) - 127).to(torch.int8))
    return Matrix(weight, (draw(shape[-2]).abs() + 0.5) * deviation / 60, own_bias)


def random_emotions(
    draw: Draw,
    dim: int,
    latent: int,
    positives: int,
    dtype: torch.dtype,
    *,
    intents: int = 0,
    dec_dim: int = 0,
) -> EmotionWeights:
    """mime-base has intents; int8 are those of its matrices that the engine does not fold."""
    folded = torch.float32 if dtype == torch.int8 else dtype
    drawn = None
    if intents:
        table = random_matrix(draw, intents, dec_dim, dtype=dtype, scale=1)
        conditioning = random_matrix(draw, dec_dim, 3 * dim, dtype=dtype, bias=True)
        drawn = IntentWeights(table.weight, table.scale, conditioning)
    roles = () if intents else (2,)
    return EmotionWeights(
        recognise=random_matrix(draw, 32 + intents + dim, dim, dtype=folded, bias=True),
        prior=random_matrix(draw, 4 * latent, dim, dtype=dtype, bias=True),
        mixture=random_matrix(draw, 32, latent, dtype=folded, bias=True),
        members=draw.permutation(32),
        table=padded(draw(32, dim).to(folded)),
        refine=random_matrix(draw, *roles, dim, dim, dtype=dtype, bias=intents > 0),
        positives=positives,
        intents=drawn,
    )


def random_decoder(draw: Draw, shape: dict[str, int], dtype: torch.dtype) -> DecoderWeights:
    layers, dim, key_dim, filter_dim = (
        shape[name] for name in ("layers", "dim", "key_dim", "filter_dim")
    )

    def weight(*size: int) -> torch.Tensor:
        return padded(draw(*size, scale=size[-1] ** -0.5).to(dtype))

    return DecoderWeights(
        words=padded(draw(50, dim).to(dtype)),
        timing=draw(64, dim),
        norms=draw(layers, 3, 2, dim),
        qkv=weight(layers, 3 * key_dim, dim),
        output=weight(layers, dim, key_dim),
        cross_query=weight(layers, key_dim, dim),
        cross_output=weight(layers, dim, key_dim),
        inner=weight(layers, filter_dim, 3 * dim),
        inner_bias=draw(layers, filter_dim),
        outer=weight(layers, dim, 3 * filter_dim),
        outer_bias=draw(layers, dim),
        last_norm=draw(2, dim),
    )


def random_replies(draw: Draw, rows: int, words: int, longest: int) -> Replies:
    """Replies of random words; a third have ended, of which some are full."""
    positions = draw.ids(longest + 1, rows)
    generated = draw.ids(words, rows, STEPS + 1)
    ended = torch.arange(rows) % 3 == 2
    generated[ended, positions[ended].long()] = EOS
    limits = torch.stack([torch.full((rows,), STEPS), draw.ids(4, rows), draw.ids(4, rows)], 1)
    full = draw.ids(6, rows) == 0
    limits[full, 0] = positions[full].long()
    penalties = torch.tensor([1.0, 1.5, 0.7])[draw.ids(3, rows).long()]
    return Replies(generated, positions, limits.int(), penalties)


def random_caches(draw: Draw, shape: dict[str, int], rows: int, requests: int) -> Caches:
    """NaN where nothing was decoded yet."""
    layers, dim, key_dim, filter_dim = (
        shape[name] for name in ("layers", "dim", "key_dim", "filter_dim")
    )
    lengths = draw.lengths(requests, 37)
    cross = torch.stack([draw.sequences(lengths, 2 * key_dim) for _ in range(layers)])
    return Caches(
        sources=draw.ids(requests, rows),
        kv_positions=torch.full((rows, STEPS), -(10**6), dtype=torch.int32),
        keys_values=torch.full((layers, STEPS, rows + 1, 2 * key_dim), torch.nan),
        inner=torch.full((layers, STEPS, rows + 1, dim), torch.nan),
        outer=torch.full((layers, STEPS, rows + 1, filter_dim), torch.nan),
        cross=cross,
        lengths=lengths,
    )


def random_llama_caches(draw: Draw, rows: int, requests: int, kv_dim: int, dim: int) -> LlamaCaches:
    """One layer; NaN where nothing was decoded yet."""
    lengths = draw.lengths(requests, 37)
    return LlamaCaches(
        sources=draw.ids(requests, rows),
        kv_positions=torch.full((rows, STEPS), -(10**6), dtype=torch.int32),
        keys_values=torch.full((1, STEPS, rows + 1, 2 * kv_dim), torch.nan),
        cross=draw.sequences(lengths, 2 * kv_dim)[None],
        lengths=lengths,
        conditioning=draw(requests, dim),
    )


def new_progress(rows: int, group: int) -> GroupProgress:
    """The progress of replies that begin: all counters are 0."""
    return GroupProgress(*(torch.zeros(n, dtype=torch.int32) for n in (rows, 1, rows // group)))


def clone(tensors: Any) -> Any:
    return type(tensors)(*(tensor.clone() for tensor in tensors))
