"""The emotion path, a decoding step and the projection against their twins, interpreted."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mime_fast.kernels import reference
from mime_fast.kernels.decode_step import DecodeRows, DecoderWeights, decode_step
from mime_fast.kernels.emotions import EmotionWeights, emotions
from mime_fast.kernels.project import project
from tests.kernels.tensors import Draw, check_close

SEED = st.integers(0, 2**32)
DTYPE = st.sampled_from([torch.float32, torch.float16])
few = settings(max_examples=12)


@few
@given(
    batch=st.integers(1, 4),
    dim=st.integers(1, 40),
    latent=st.integers(1, 40),
    positives=st.integers(1, 31),
    forced=st.integers(-1, 31),
    dtype=DTYPE,
    seed=SEED,
)
def test_emotions(
    batch: int,
    dim: int,
    latent: int,
    positives: int,
    forced: int,
    dtype: torch.dtype,
    seed: int,
) -> None:
    draw = Draw(seed)
    weights = EmotionWeights(
        classifier=draw.weight(32, dim, dtype=dtype),
        prior_hidden=draw.weight(dim, dim, dtype=dtype),
        prior_hidden_bias=draw(dim),
        prior=(draw(2, 2, latent, dim) * dim**-0.5).to(dtype),
        prior_bias=draw(2, 2, latent),
        mixture=draw.weight(32, latent, dtype=dtype),
        mixture_bias=draw(32),
        members=torch.from_numpy(draw.generator.permutation(32).astype("int32")),
        table=draw(32, dim).to(dtype),
        refine=(draw(2, dim, dim) * dim**-0.5).to(dtype),
        positives=positives,
    )
    query, noise = draw(batch, dim), draw(batch, 2, latent)
    speakers = torch.full((batch,), forced, dtype=torch.int32)
    found = emotions(query, noise, speakers, weights)
    expected = reference.emotions(query, noise, speakers, weights)
    assert torch.equal(found.mimics_positive, expected.mimics_positive)
    for name in ("logits", "mixture", "refinements"):
        check_close(getattr(found, name), getattr(expected, name))


def random_decoder(draw: Any, shape: dict[str, int], dtype: torch.dtype) -> DecoderWeights:
    layers, dim, key_dim, filter_dim = (
        shape[name] for name in ("layers", "dim", "key_dim", "filter_dim")
    )

    def weight(*size: int) -> torch.Tensor:
        drawn: torch.Tensor = draw(*size) * size[-1] ** -0.5
        return drawn.to(dtype)

    return DecoderWeights(
        words=draw(50, dim).to(dtype),
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


def random_rows(draw: Any, shape: dict[str, int], rows: int, requests: int) -> DecodeRows:
    """Caches are NaN where nothing was decoded yet."""
    layers, dim, key_dim, filter_dim = (
        shape[name] for name in ("layers", "dim", "key_dim", "filter_dim")
    )
    steps, lengths = 40, draw.lengths(requests, 37)
    cross = torch.stack([draw.sequences(lengths, 2 * key_dim) for _ in range(layers)])
    return DecodeRows(
        tokens=draw.ids(50, rows),
        positions=torch.zeros(rows, dtype=torch.int32),
        sources=draw.ids(requests, rows),
        slots=torch.full((rows, steps), -(10**6), dtype=torch.int32),
        keys_values=torch.full((layers, steps, rows, 2 * key_dim), torch.nan),
        inner=torch.full((layers, steps, rows, dim), torch.nan),
        outer=torch.full((layers, steps, rows, filter_dim), torch.nan),
        cross=cross,
        lengths=lengths,
    )


@settings(max_examples=8)
@given(
    rows=st.integers(1, 4),
    requests=st.integers(1, 3),
    layers=st.integers(1, 3),
    heads=st.integers(1, 3),
    width=st.integers(1, 20),
    dim=st.integers(2, 40),
    filter_dim=st.integers(1, 20),
    dtype=DTYPE,
    seed=SEED,
)
def test_decoding_steps(
    rows: int,
    requests: int,
    layers: int,
    heads: int,
    width: int,
    dim: int,
    filter_dim: int,
    dtype: torch.dtype,
    seed: int,
) -> None:
    """Five steps, between which hypotheses fork and move: the table of slots is gathered."""
    draw = Draw(seed)
    shape = {"layers": layers, "dim": dim, "key_dim": heads * width, "filter_dim": filter_dim}
    weights = random_decoder(draw, shape, dtype)
    state = random_rows(draw, shape, rows, requests)
    twin = DecodeRows(*(tensor.clone() for tensor in state))
    for _ in range(5):
        hidden = decode_step(state, weights, heads)
        check_close(hidden, reference.decode_step(twin, weights, heads))
        for ours, theirs in zip(state, twin, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4, equal_nan=True)
        parents, tokens = draw.ids(rows, rows).long(), draw.ids(50, rows)
        for each in (state, twin):
            each.slots.copy_(each.slots[parents])
            each.sources.copy_(each.sources[parents])
            each.positions.add_(1)
            each.tokens.copy_(tokens)


@few
@given(
    rows=st.integers(1, 40),
    words=st.integers(3, 400),
    dim=st.integers(1, 90),
    kept=st.integers(1, 6),
    min_new_tokens=st.integers(0, 4),
    dtype=DTYPE,
    seed=SEED,
)
def test_project(
    rows: int,
    words: int,
    dim: int,
    kept: int,
    min_new_tokens: int,
    dtype: torch.dtype,
    seed: int,
) -> None:
    draw = Draw(seed)
    hidden, weight, bias = draw(rows, dim), draw.weight(words, dim, dtype=dtype), draw(words)
    hidden = hidden.to(dtype).float()  # what is rounded must not be rounded otherwise
    bias[draw.ids(words, words // 3).long()] = -torch.inf
    bias[0] = 0
    logits, twin_logits = (torch.empty(rows, words) for _ in range(2))
    options: dict[str, Any] = {"end_word": 2, "min_new_tokens": min_new_tokens, "kept": kept}
    arguments = hidden, weight, bias, draw.ids(6, rows)
    best = project(*arguments, **options, logits=logits)
    twin = reference.project(*arguments, **options, logits=twin_logits)
    check_close(logits, twin_logits)
    check_close(best.logits, twin.logits)
    check_close(best.normalisers, twin.normalisers)
    found = best.logits.isfinite()
    named = logits.gather(1, best.words.long())
    assert torch.equal(named[found], best.logits[found])
    assert (best.words[~found] == 2).all()
    for row, real in zip(best.words, found, strict=True):
        assert len(set(row[real].tolist())) == real.sum()
    assert torch.equal(project(*arguments, **options).words, best.words)


def test_equal_words_come_lowest_first() -> None:
    hidden, weight, bias = torch.ones(2, 4), torch.zeros(300, 4), torch.zeros(300)
    bias[[40, 41, 130, 299]] = 1
    positions = torch.zeros(2, dtype=torch.int32)
    best = project(hidden, weight, bias, positions, end_word=2, kept=6)
    assert best.words.tolist() == [[40, 41, 130, 299, 0, 1]] * 2


@pytest.mark.parametrize("words", [5, 200])
def test_a_reply_ends_where_every_word_is_blocked(words: int) -> None:
    bias, positions = torch.full((words,), -torch.inf), torch.zeros(1, dtype=torch.int32)
    best = project(torch.ones(1, 4), torch.zeros(words, 4), bias, positions, end_word=2)
    assert best.words.tolist() == [[2]]
    assert best.logits.tolist() == [[0]]
    assert best.normalisers.tolist() == [0]
