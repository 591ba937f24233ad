"""The emotion path, a step and the projection against their twins: interpreted, or on a GPU."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.kernels import reference
from mime_fast.kernels.decode_step import decode_step
from mime_fast.kernels.emotions import emotions
from mime_fast.kernels.project import project
from mime_fast.kernels.replies import Replies
from mime_fast.text.special import EOS
from tests.kernels.examples import examples, on_gpu
from tests.kernels.inputs import (
    STEPS,
    clone,
    random_caches,
    random_decoder,
    random_emotions,
    random_replies,
)
from tests.kernels.tensors import DTYPES, Draw, check_close

SEED = st.integers(0, 2**32)
DTYPE = st.sampled_from(DTYPES)
few = examples(12)


@few
@on_gpu(
    {"batch": 3, "dim": 300, "latent": 300, "positives": 13, "forced": -1, "seed": 0}, dtypes=DTYPES
)
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
    weights = random_emotions(draw, dim, latent, positives, dtype)
    query, noise = draw(batch, dim), draw(batch, 2, latent)
    speakers = torch.full((batch,), forced, dtype=torch.int32)
    found = emotions(query, noise, speakers, weights)
    expected = reference.emotions(query, noise, speakers, weights)
    assert torch.equal(found.mimics_positive, expected.mimics_positive)
    for name in ("logits", "mixture", "refinements"):
        check_close(getattr(found, name), getattr(expected, name))


@examples(5)
@on_gpu(
    {
        "rows": 20,
        "requests": 4,
        "layers": 1,
        "heads": 2,
        "width": 20,
        "dim": 300,
        "filter_dim": 50,
        "seed": 0,
    },
    dtypes=DTYPES,
)
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
    """Five steps, between which hypotheses fork and move: `kv_positions` is gathered.

    The last row has ended, and comes back as a copy of another one.
    """
    draw = Draw(seed)
    shape = {"layers": layers, "dim": dim, "key_dim": heads * width, "filter_dim": filter_dim}
    weights = random_decoder(draw, shape, dtype)
    replies = random_replies(draw, rows, 50, 0)
    replies.generated[:, 0] = 5
    replies.limits[:, 0] = STEPS
    caches = random_caches(draw, shape, rows, requests)
    twins: Any = clone(replies), clone(caches)
    for step in range(5):
        active = torch.arange(rows) < rows - (step == 0 and rows > 1)
        for generated in (replies.generated, twins[0].generated):
            generated[~active, step] = EOS
        hidden = decode_step(replies, caches, weights, heads, EOS)
        expected = reference.decode_step(twins[0], twins[1], weights, heads, EOS)
        check_close(hidden[active], expected[active])
        for ours, theirs in zip(caches, twins[1], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4, equal_nan=True)
        parents = draw.ids(int(active.sum()), rows).long()
        tokens = draw.ids(40, rows) + EOS + 1
        for own_replies, own_caches in ((replies, caches), twins):
            for tensor in (own_caches.kv_positions, own_caches.sources):
                tensor.copy_(tensor[parents])
            own_replies.generated[:, step + 1] = tokens
            own_replies.positions.add_(1)


# Greedy replies, beams and samples of the default vocabulary.
DEFAULT: dict[str, Any] = {"words": 23_700, "dim": 300, "longest": 9, "seed": 0}
KINDS: list[dict[str, Any]] = [
    {"rows": 1, "kept": 1, "constrained": False, "append": True},
    {"rows": 40, "kept": 1, "constrained": True, "append": True},
    {"rows": 20, "kept": 10, "constrained": True, "append": False},
]


@few
@on_gpu(*(DEFAULT | kind for kind in KINDS), dtypes=DTYPES)
@given(
    rows=st.integers(1, 40),
    words=st.integers(3, 400),
    dim=st.integers(1, 90),
    kept=st.integers(1, 6),
    longest=st.integers(0, 9),
    constrained=st.booleans(),
    append=st.booleans(),
    dtype=DTYPE,
    seed=SEED,
)
def test_project(
    rows: int,
    words: int,
    dim: int,
    kept: int,
    longest: int,
    constrained: bool,
    append: bool,
    dtype: torch.dtype,
    seed: int,
) -> None:
    kept = 1 if append else kept  # what is appended is the best word
    draw = Draw(seed)
    hidden, weight, bias = draw(rows, dim), draw.weight(words, dim, dtype=dtype), draw(words)
    hidden = hidden.to(dtype).float()  # what is rounded must not be rounded otherwise
    bias[draw.ids(words, words // 3).long()] = -torch.inf
    bias[0] = 0
    replies = random_replies(draw, rows, min(words, 7), longest)
    twin_replies, again = clone(replies), clone(replies)
    active = reference._active(replies, EOS)
    hidden[~active] = torch.nan  # nobody may read it
    options: dict[str, Any] = {"end_word": EOS, "kept": kept, "constrained": constrained}
    empty: Any = {
        "logits": torch.full((rows, words), torch.nan),
        "log_probs": torch.full((rows, STEPS), torch.nan) if append else None,
    }
    found, expected = empty, deepcopy(empty)
    best = project(hidden, weight, bias, replies, **options, **found)
    twin = reference.project(hidden, weight, bias, twin_replies, **options, **expected)
    for name, tensor in found.items():
        if tensor is not None:
            torch.testing.assert_close(
                tensor, expected[name], rtol=2e-5, atol=2e-5, equal_nan=True, msg=name
            )
    for ours, theirs in zip(replies, twin_replies, strict=True):
        assert torch.equal(ours, theirs)
    check_close(best.logits[active], twin.logits[active])
    check_close(best.log_partitions[active], twin.log_partitions[active])
    real = best.logits.isfinite() & active[:, None]
    logits: Any = found["logits"]
    named = logits.gather(1, best.words.clamp(0, words - 1).long())
    ends = real[:, 0] & (named[:, 0] == -torch.inf)
    assert torch.equal(named[real & ~ends[:, None]], best.logits[real & ~ends[:, None]])
    assert (best.words[active][~real[active]] == EOS).all()
    for row, kept_words in zip(best.words, real, strict=True):
        assert len(set(row[kept_words].tolist())) == kept_words.sum()
    repeated = project(hidden, weight, bias, again, **options)
    assert torch.equal(repeated.words[active], best.words[active])


def few_replies(rows: int) -> Replies:
    """No row has a word yet."""
    return Replies(
        torch.full((rows, 5), 3, dtype=torch.int32),
        torch.zeros(rows, dtype=torch.int32),
        torch.tensor([[4, 0, 0]] * rows, dtype=torch.int32),
        torch.ones(rows),
    )


def test_equal_words_come_lowest_first() -> None:
    hidden, weight, bias = torch.ones(2, 4), torch.zeros(300, 4), torch.zeros(300)
    bias[[40, 41, 130, 299]] = 1
    best = project(hidden, weight, bias, few_replies(2), end_word=EOS, kept=6)
    assert best.words.tolist() == [[40, 41, 130, 299, 0, 1]] * 2


@pytest.mark.parametrize("words", [5, 200])
def test_a_reply_ends_where_every_word_is_blocked(words: int) -> None:
    bias = torch.full((words,), -torch.inf)
    best = project(torch.ones(1, 4), torch.zeros(words, 4), bias, few_replies(1), end_word=EOS)
    assert best.words.tolist() == [[EOS]]
    assert best.logits.tolist() == [[0]]
    assert best.log_partitions.tolist() == [0]


def test_the_counters_of_programs_are_left_as_they_were() -> None:
    arrived = torch.zeros(2, dtype=torch.int32)
    arguments: Any = torch.ones(20, 4), torch.zeros(300, 4), torch.zeros(300), few_replies(20)
    first, second = (project(*arguments, end_word=EOS, arrived=arrived) for _ in range(2))
    assert arrived.tolist() == [0, 0]
    assert torch.equal(first.words, second.words)
