"""The forms of kernels that mime-base adds, against their twins: interpreted, or on a GPU."""

from typing import Any

import pytest
import torch

from mime_fast.kernels import reference
from mime_fast.kernels.attend_rows import Rotation, attend_rows
from mime_fast.kernels.begin_step import begin_step
from mime_fast.kernels.embed import embed
from mime_fast.kernels.emotions import emotions
from mime_fast.kernels.layer_norm import Norm, layer_norm
from mime_fast.kernels.linear import MOST_VECTORS, Second, linear, product
from mime_fast.kernels.project import project
from mime_fast.text.special import EOS
from tests.kernels.inputs import (
    STEPS,
    clone,
    random_emotions,
    random_llama_caches,
    random_matrix,
    random_replies,
)
from tests.kernels.tensors import TOLERANCES, Draw, check_close, check_sequences

INT8 = torch.int8
LENGTH, DIM, COLUMNS = 18, 20, 24
FEW, MANY = 2, MOST_VECTORS + 2  # rows that are multiplied one by one, and together
ROUNDED = TOLERANCES | {INT8: 2e-5}


def test_embed_of_int8() -> None:
    draw = Draw(0)
    lengths = draw.lengths(2, LENGTH)
    words = random_matrix(draw, 30, DIM, dtype=INT8)
    tokens, speakers = draw.ids(30, 2, LENGTH), draw.ids(2, 2, LENGTH)
    arguments = tokens, speakers, lengths, words.weight, draw(2, DIM), draw(64, DIM), words.scale
    check_sequences(embed(*arguments), reference.embed(*arguments), lengths)


FORMS: dict[str, dict[str, Any]] = {
    "norm": {"norm": 1e-12},
    "gelu": {"norm": 1e-12, "activation": "gelu"},
    "gate": {"activation": "gate"},
    "residual norm": {"residual_norm": 1e-5},
}


@pytest.mark.parametrize("dtype", [INT8, torch.float16], ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_products_of_an_encoder(form: str, dtype: torch.dtype) -> None:
    draw, own = Draw(1), FORMS[form]
    lengths = draw.lengths(2, LENGTH)
    columns = DIM if form == "gate" else COLUMNS
    matrix = random_matrix(draw, columns, DIM, dtype=dtype, bias=True)
    x = draw.sequences(lengths, DIM)
    options: dict[str, Any] = {"scale": matrix.scale, "bias": matrix.bias}
    options["activation"] = own.get("activation")
    if "norm" in own:
        options["norm"] = Norm(draw(DIM), draw(DIM), own["norm"])
    if "residual_norm" in own:
        options["residual"] = draw.sequences(lengths, columns)
        options["residual_norm"] = Norm(draw(columns), draw(columns), own["residual_norm"])
    arguments = x, matrix.weight[:, None], lengths
    found, expected = (each(*arguments, **options) for each in (linear, reference.linear))
    check_sequences(found, expected, lengths, ROUNDED[dtype])


@pytest.mark.parametrize("own_weights", [True, False])
@pytest.mark.parametrize("own_inputs", [True, False])
def test_roles_are_computed_together(own_weights: bool, own_inputs: bool) -> None:
    """Each role has weights of its own, or an input of its own, or what all share."""
    draw = Draw(2)
    lengths = draw.lengths(2, LENGTH)
    twice = lengths.repeat(2)
    x = draw.sequences(twice if own_inputs else lengths, DIM)
    roles = (2,) if own_weights else ()
    weight = draw.weight(*roles, COLUMNS, 1, DIM)
    norm = Norm(draw(*roles, DIM), draw(*roles, DIM))
    options: dict[str, Any] = {"norm": norm, "residual": draw(1, LENGTH + 2, COLUMNS)}
    for bias in (draw(4, COLUMNS), draw(*roles, COLUMNS)):
        if bias.dim() == 1 and not own_inputs:
            continue  # nothing differs between the roles
        options["bias"] = bias
        found, expected = (
            each(x, weight, lengths, **options) for each in (linear, reference.linear)
        )
        check_sequences(found, expected, twice)
    if own_inputs:
        side_by_side = draw(2, LENGTH, 2 * DIM)
        halves = side_by_side.unflatten(-1, (2, DIM)).permute(2, 0, 1, 3)
        layer_norm(x, norm, lengths, halves)
        expected = reference.layer_norm(x, norm, lengths).unflatten(0, (2, 2))
        check_sequences(side_by_side, torch.cat([*expected], -1), lengths)


@pytest.mark.parametrize("dtype", [INT8, torch.float32], ids=str)
@pytest.mark.parametrize("rows", [FEW, MANY])
def test_products_of_rows(rows: int, dtype: torch.dtype) -> None:
    """Queries, with keys and values in another place; SwiGLU; the way back."""
    draw = Draw(3)
    x, norm = draw(rows, DIM), Norm(draw(DIM), None, 1e-5)
    active = (torch.arange(rows) != 1).int()
    x[1] = torch.nan  # nobody reads it, or what comes of it
    places = torch.where(active == 1, 2 * torch.arange(rows), -1).int()
    matrix = random_matrix(draw, COLUMNS, DIM, dtype=dtype)
    caches = [torch.full((2 * rows, 10), torch.nan) for _ in range(2)]
    found, expected = (
        each(x, **matrix._asdict(), active=active, norm=norm, second=Second(cache, places))
        for each, cache in zip((product, reference.product), caches, strict=True)
    )
    there = active == 1
    check_close(found[there], expected[there])
    torch.testing.assert_close(*caches, rtol=2e-5, atol=2e-5, equal_nan=True)
    pairs = random_matrix(draw, 2 * COLUMNS, DIM, dtype=dtype)
    options: dict[str, Any] = {"active": active, "norm": norm, "activation": "swiglu"}
    inner, expected = (
        each(x, **pairs._asdict(), **options) for each in (product, reference.product)
    )
    check_close(inner[there], expected[there])
    down = random_matrix(draw, DIM, COLUMNS, dtype=dtype, bias=True)
    options = {"active": active, "residual": x}
    out, expected = (
        each(inner, **down._asdict(), **options) for each in (product, reference.product)
    )
    check_close(out[there], expected[there])


@pytest.mark.parametrize(("batch", "dtype"), [(FEW, INT8), (MANY, torch.float32)], ids=str)
def test_emotions_and_intents(batch: int, dtype: torch.dtype) -> None:
    draw, latent, intents = Draw(4), 7, 5
    weights = random_emotions(draw, DIM, latent, 13, dtype, intents=intents, dec_dim=12)
    query, noise = draw(batch, DIM), draw(batch, 2, latent)
    forced = draw.ids(33, batch) - 1
    gumbels = draw(batch, intents).double()
    arguments = query, noise, forced, weights, gumbels
    found, expected = emotions(*arguments), reference.emotions(*arguments)
    assert torch.equal(found.mimics_positive, expected.mimics_positive)
    for name in ("logits", "mixture", "refinements", "conditioning"):
        check_close(getattr(found, name), getattr(expected, name))


ROWS, HEADS, KV_HEADS, WIDTH = 3, 4, 2, 6


def test_steps_of_a_decoder() -> None:
    """Three steps, before the last of which a row has ended and two have changed places."""
    draw, dim, kv_dim = Draw(5), HEADS * WIDTH, KV_HEADS * WIDTH
    caches = random_llama_caches(draw, ROWS, 2, kv_dim, dim)
    twin = clone(caches)
    words = random_matrix(draw, 50, dim, dtype=INT8)
    qkv = random_matrix(draw, dim + 2 * kv_dim, dim, dtype=INT8)
    norm, rotation = Norm(draw(dim), None, 1e-5), Rotation(draw(64, 3), draw(64, 3))
    replies = random_replies(draw, ROWS, 50, 0)
    replies.generated[:, 0], replies.limits[:, 0] = 5, STEPS

    def step(own: Any, begin: Any, multiply: Any, attend: Any) -> list[torch.Tensor]:
        first = begin(replies, own, words.weight, words.scale, EOS)
        second = Second(own.keys_values[0].flatten(0, 1), first.places)
        query = multiply(first.x, **qkv._asdict(), active=first.active, norm=norm, second=second)
        newest = replies.positions, rotation
        found = attend(query, own.keys_values[0], first.active, own, HEADS, newest)
        read = attend(query, own.cross[0], first.active, own, HEADS)
        rows = first.active == 1
        return [first.active, first.places, *(each[rows] for each in (first.x, query, found, read))]

    for position in range(3):
        if position == 2:
            replies.generated[1, position] = EOS
        ours = step(caches, begin_step, product, attend_rows)
        theirs = step(twin, reference.begin_step, reference.product, reference.attend_rows)
        for found, expected in zip(ours, theirs, strict=True):
            check_close(found, expected)
        for found, expected in zip(caches, twin, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4, equal_nan=True)
        parents = torch.tensor([1, 0, 2])
        for own in (caches, twin):
            for table in (own.kv_positions, own.sources):
                table.copy_(table[parents])
        replies.generated[:, position + 1] = draw.ids(40, ROWS) + EOS + 1
        replies.positions.add_(1)


@pytest.mark.parametrize(("rows", "append"), [(FEW, True), (FEW, False), (MANY, True)])
def test_the_projection_applies_the_last_norm(rows: int, append: bool) -> None:
    draw, words = Draw(6), 150
    replies = random_replies(draw, rows, 7, 4)
    twin = clone(replies)
    hidden = draw(rows, DIM)
    hidden[~reference._active(replies, EOS)] = torch.nan
    matrix, bias = random_matrix(draw, words, DIM, dtype=INT8), draw(words)
    norm, kept = Norm(draw(DIM), None, 1e-5), 1 if append else 4
    written: list[dict[str, Any]] = [
        {
            "logits": torch.full((rows, words), torch.nan),
            "log_probs": torch.full((rows, STEPS), torch.nan) if append else None,
        }
        for _ in range(2)
    ]
    options: dict[str, Any] = {"end_word": EOS, "scale": matrix.scale, "norm": norm, "kept": kept}
    best, expected = (
        each(hidden, matrix.weight, bias, state, **options, **out)
        for each, state, out in zip(
            (project, reference.project), (replies, twin), written, strict=True
        )
    )
    active = reference._active(twin, EOS) if not append else None
    for name, found in written[0].items():
        if found is not None:
            torch.testing.assert_close(
                found, written[1][name], rtol=2e-5, atol=2e-5, equal_nan=True
            )
    for found, other in zip(replies, twin, strict=True):
        assert torch.equal(found, other)
    if active is not None:
        assert torch.equal(best.words[active], expected.words[active])
        check_close(best.log_partitions[active], expected.log_partitions[active])
