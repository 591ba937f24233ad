"""The encoder side's kernels against their twins: interpreted, or on a GPU."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from triton.runtime.interpreter import InterpretedFunction
from triton.runtime.jit import JITFunction

from mime_fast.kernels import fusion as fusion_module
from mime_fast.kernels import reference
from mime_fast.kernels.attention import attention
from mime_fast.kernels.embed import embed
from mime_fast.kernels.fusion import fusion
from mime_fast.kernels.layer_norm import Norm, layer_norm
from mime_fast.kernels.linear import linear
from tests.kernels.examples import examples, on_gpu
from tests.kernels.tensors import DTYPES, TOLERANCES, Draw, check_sequences, within

BATCH, LENGTH, SEED = st.integers(1, 3), st.integers(1, 50), st.integers(0, 2**32)
DTYPE = st.sampled_from(DTYPES)
DIM = st.integers(2, 90)
few = examples(12)
# The default model's: 40 words of one request, and of several.
DEFAULT: dict[str, Any] = {"batch": 3, "length": 40, "seed": 0}


@few
@on_gpu(DEFAULT | {"dim": 300})
@given(batch=BATCH, length=LENGTH, dim=DIM, seed=SEED)
def test_embed(batch: int, length: int, dim: int, seed: int) -> None:
    draw = Draw(seed)
    lengths = draw.lengths(batch, length)
    ids = [draw.ids(50, batch, length) for _ in range(2)]
    words = draw(50, dim)
    arguments = (*ids, lengths, words, words, draw(length + 3, dim))
    check_sequences(embed(*arguments), reference.embed(*arguments), lengths)


@few
@on_gpu(DEFAULT | {"dim": 300})
@given(batch=BATCH, length=LENGTH, dim=DIM, seed=SEED)
def test_layer_norm(batch: int, length: int, dim: int, seed: int) -> None:
    draw = Draw(seed)
    lengths = draw.lengths(batch, length)
    arguments = draw.sequences(lengths, dim), Norm(draw(dim), draw(dim)), lengths
    expected = reference.layer_norm(*arguments)
    check_sequences(layer_norm(*arguments), expected, lengths)
    wide = draw(batch, length, 2 * dim)
    left = wide[:, :, :dim].clone()
    layer_norm(*arguments, out=wide[:, :, dim:])
    check_sequences(wide[:, :, dim:], expected, lengths)
    assert torch.equal(wide[:, :, :dim], left)


# As an encoder layer calls it: queries, keys and values; the output; both convolutions; and the
# context's half of a response encoder's input.
PLAIN: dict[str, Any] = {"bias": None, "norm": False, "relu": False, "residual": None, "taps": 1}
FORMS: list[dict[str, Any]] = [
    {"inner": 300, "columns": 120, "norm": True},
    {"inner": 40, "columns": 300, "residual": "own"},
    {"inner": 300, "columns": 50, "taps": 3, "bias": "shared", "norm": True, "relu": True},
    {
        "inner": 50,
        "columns": 300,
        "taps": 3,
        "bias": "shared",
        "relu": True,
        "residual": "own",
    },
    {"inner": 300, "columns": 300, "bias": "own", "residual": "shared"},
]


@few
@on_gpu(*(DEFAULT | PLAIN | form for form in FORMS), dtypes=DTYPES)
@given(
    batch=BATCH,
    length=LENGTH,
    inner=DIM,
    columns=DIM,
    taps=st.sampled_from([1, 3]),
    dtype=DTYPE,
    seed=SEED,
    bias=st.sampled_from([None, "shared", "own"]),
    norm=st.booleans(),
    relu=st.booleans(),
    residual=st.sampled_from([None, "shared", "own"]),
)
def test_linear(
    batch: int,
    length: int,
    inner: int,
    columns: int,
    taps: int,
    dtype: torch.dtype,
    seed: int,
    bias: str | None,
    norm: bool,
    relu: bool,
    residual: str | None,
) -> None:
    draw = Draw(seed)
    lengths = draw.lengths(batch, length)
    biases = {None: None, "shared": draw(columns), "own": draw(batch, columns)}
    residuals = {
        None: None,
        "shared": draw(1, length + 2, columns),
        "own": draw.sequences(lengths, columns),
    }
    x, weight = draw.sequences(lengths, inner), draw.weight(columns, taps, inner, dtype=dtype)
    options: dict[str, Any] = {
        "bias": biases[bias],
        "norm": Norm(draw(inner), draw(inner)) if norm else None,
        "activation": "relu" if relu else None,
        "residual": residuals[residual],
    }
    expected = reference.linear(x, weight, lengths, **options)
    check_sequences(linear(x, weight, lengths, **options), expected, lengths, TOLERANCES[dtype])


@few
@on_gpu(DEFAULT | {"heads": 2, "width": 20, "scale": 1.0})
@given(
    batch=BATCH,
    length=LENGTH,
    heads=st.integers(1, 4),
    width=st.integers(1, 40),
    scale=st.sampled_from([1.0, 30.0]),
    seed=SEED,
)
def test_attention(
    batch: int,
    length: int,
    heads: int,
    width: int,
    scale: float,
    seed: int,
) -> None:
    """Logits of some hundreds, too: nothing overflows."""
    draw = Draw(seed)
    lengths = draw.lengths(batch, length)
    qkv = draw.sequences(lengths, 3 * heads * width, scale)
    expected = reference.attention(qkv, lengths, heads) / scale
    found = attention(qkv, lengths, heads) / scale
    check_sequences(found, expected, lengths, 2e-5 * scale)


@pytest.mark.parametrize(
    ("length", "heads", "width"), [(1000, 1, 8), (1, 1, 1), (33, 2, 128), (40, 2, 20)]
)
def test_attention_of_extreme_shapes(length: int, heads: int, width: int) -> None:
    draw = Draw(length)
    lengths = torch.tensor([length, 1], dtype=torch.int32)
    qkv = draw.sequences(lengths, 3 * heads * width)
    expected = reference.attention(qkv, lengths, heads)
    check_sequences(attention(qkv, lengths, heads), expected, lengths)


@few
@on_gpu(DEFAULT | {"width": 600, "columns": 300}, dtypes=DTYPES)
@given(batch=BATCH, length=LENGTH, width=DIM, columns=DIM, dtype=DTYPE, seed=SEED)
def test_fusion(
    batch: int,
    length: int,
    width: int,
    columns: int,
    dtype: torch.dtype,
    seed: int,
) -> None:
    draw = Draw(seed)
    lengths = draw.lengths(batch, length)
    arguments = (
        draw.sequences(lengths, width),
        draw.weight(width, width, dtype=dtype),
        draw(width),
        draw.weight(columns, width, dtype=dtype),
        draw(columns),
        lengths,
    )
    check_sequences(fusion(*arguments), reference.fusion(*arguments), lengths, TOLERANCES[dtype])


class CountBytes(TorchDispatchMode):
    """Adds up the bytes of the tensors that are made while it is active."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.total += made.numel() * made.element_size()
        return made


def test_fusion_of_a_large_batch_keeps_no_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """256 contexts of 40 words need 12 MB for the result, and needed 147 MB for parts."""
    monkeypatch.setattr(JITFunction, "run", lambda *_, **__: None)
    monkeypatch.setattr(InterpretedFunction, "run", lambda *_, **__: None)
    matrices = (torch.empty(columns, 600, device="meta") for columns in (600, 300))
    gate, output = matrices
    biases = torch.empty(600, device="meta"), torch.empty(300, device="meta")
    both, lengths = torch.empty(256, 40, 600, device="meta"), torch.empty(256, device="meta")
    with CountBytes() as counted:
        fusion(
            both=both,
            gate=gate,
            gate_bias=biases[0],
            output=output,
            output_bias=biases[1],
            lengths=lengths,
        )
    assert counted.total < 13e6


@pytest.mark.parametrize("columns", [5, 70])
def test_fusion_has_the_same_bits_in_every_batch(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    draw, width = Draw(0), 150
    lengths = draw.lengths(2, 20)
    matrices = draw.weight(width, width), draw.weight(columns, width)
    x, biases = draw.sequences(lengths, width), (draw(width), draw(columns))
    arguments = x, matrices[0], biases[0], matrices[1], biases[1], lengths
    split = fusion(*arguments)
    monkeypatch.setattr(fusion_module, "MOST_SPLIT", 0)
    whole = fusion(*arguments)
    visible = within(split, lengths)
    assert torch.equal(split.where(visible, 0), whole.where(visible, 0))
    check_sequences(whole, reference.fusion(*arguments), lengths)
