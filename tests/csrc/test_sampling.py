"""Top-k and token selection: C++ against its numpy twin, frequencies, and hostile input."""

import doctest
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from mime_fast import _C
from tests.oracle import sampling

BOTH = pytest.mark.parametrize("module", [_C, sampling], ids=["native", "numpy"])

DEFAULTS: dict[str, Any] = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}

LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
# Few values, so that ties are common.
HOSTILE = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.5, SMALLEST, LARGEST, -LARGEST, -np.inf])
LOGITS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=70),
    elements=HOSTILE | st.floats(-40, 40, width=32),
)
OPTIONS = st.fixed_dictionaries(
    {
        "temperature": st.sampled_from([1.0, 0.7, 0.01, 0.02, 40.0, 100.0]),
        "top_k": st.integers(0, 80),
        "top_p": st.sampled_from([1.0, 0.5, 0.9, 1e-320, 1 - 2**-53]) | st.floats(0.01, 1.0),
        "min_p": st.sampled_from([0.0, 1.0, 0.05, 0.3]),
    }
)


def select(module: ModuleType, logits: Any, uniforms: Any, **options: Any) -> NDArray[np.int64]:
    tokens: NDArray[np.int64] = module.select_tokens(logits, uniforms, **(DEFAULTS | options))
    return tokens


def draw(probabilities: list[float], count: int, **options: Any) -> NDArray[np.float64]:
    """Relative frequencies of the tokens that _C draws."""
    with np.errstate(divide="ignore"):
        row = np.log(np.array(probabilities)).astype(np.float32)
    logits = np.broadcast_to(row, (count, len(row)))
    tokens = select(_C, logits, _C.philox_uniform(5, 1, 0, count), **options)
    return np.bincount(tokens, minlength=len(row)) / count


@given(logits=LOGITS, data=st.data())
def test_top_k_equals_its_twin(logits: NDArray[np.float32], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, logits.shape[1]))
    values, ids = _C.top_k(logits, k)
    twin_values, twin_ids = sampling.top_k(logits, k)
    assert values.dtype == np.float32
    assert ids.dtype == np.int64
    np.testing.assert_array_equal(ids, twin_ids)
    assert values.tobytes() == twin_values.tobytes()  # -0.0 stays -0.0


@given(logits=LOGITS, options=OPTIONS, seed=st.integers(0, 2**64 - 1))
def test_select_tokens_equals_its_twin(
    logits: NDArray[np.float32], options: dict[str, Any], seed: int
) -> None:
    logits[:, 0] = np.where(np.isneginf(logits).all(axis=1), 0, logits[:, 0])
    uniforms = _C.philox_uniform(seed, 0, 0, len(logits))
    uniforms[:1] = seed % 2 * (1 - 2**-53)  # the smallest and the largest there is
    tokens = select(_C, logits, uniforms, **options)
    np.testing.assert_array_equal(tokens, select(sampling, logits, uniforms, **options))
    assert np.isfinite(logits[np.arange(len(logits)), tokens]).all()


@pytest.mark.parametrize("scale", [0.01, 1.0, 6.0])
@pytest.mark.parametrize("decimals", [1, 6])
def test_equal_on_a_whole_vocabulary(scale: float, decimals: int) -> None:
    rows, vocab = 6, 23_700
    logits = _C.standard_normal(1, 0, rows * vocab).reshape(rows, vocab) * np.float32(scale)
    logits = logits.round(decimals)  # one decimal: thousands of ties
    uniforms = _C.philox_uniform(1, 1, 0, rows)
    for k in (1, 10, 1000, 5000, vocab):
        np.testing.assert_array_equal(_C.top_k(logits, k)[1], sampling.top_k(logits, k)[1])
    for options in ({}, {"top_k": 50}, {"top_p": 0.9}, {"min_p": 0.1}, {"top_k": 9, "top_p": 0.5}):
        ours, twin = (select(module, logits, uniforms, **options) for module in (_C, sampling))
        np.testing.assert_array_equal(ours, twin)


@BOTH
def test_ties_come_lowest_id_first(module: ModuleType) -> None:
    logits = np.array([[1, 3, 3, 2, 3, -np.inf]], np.float32)
    assert module.top_k(logits, 2)[1].tolist() == [[1, 2]]
    assert module.top_k(logits, 6)[1].tolist() == [[1, 2, 4, 3, 0, 5]]
    assert module.top_k(logits, 6)[0].tolist() == [[3, 3, 3, 2, 1, -np.inf]]


PROBABILITIES = [0.05, 0.4, 0.0, 0.25, 0.3]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, PROBABILITIES),
        ({"top_k": 2}, [0, 4 / 7, 0, 0, 3 / 7]),
        ({"top_k": 99}, PROBABILITIES),
        ({"top_p": 0.6}, [0, 4 / 7, 0, 0, 3 / 7]),
        ({"top_p": 0.71}, [0, 0.4 / 0.95, 0, 0.25 / 0.95, 0.3 / 0.95]),
        ({"min_p": 0.7}, [0, 4 / 7, 0, 0, 3 / 7]),
        # The probability is that among the two that top_k left: 4 / 7 reaches 0.55.
        ({"top_k": 2, "top_p": 0.55}, [0, 1, 0, 0, 0]),
        ({"temperature": 0.5}, [p * p / 0.315 for p in PROBABILITIES]),
    ],
)
def test_frequencies(options: dict[str, Any], expected: list[float]) -> None:
    count = 1_000_000
    observed, wanted = draw(PROBABILITIES, count, **options), np.array(expected)
    assert (observed[wanted == 0] == 0).all()
    support = wanted > 0
    chi_square = count * np.sum((observed - wanted)[support] ** 2 / wanted[support])
    assert chi_square < 24  # beyond the 0.9999 quantile with four degrees of freedom


@BOTH
@pytest.mark.parametrize("uniform", [0.0, 0.5, 1 - 2**-53])
def test_forbidden_tokens_are_never_drawn(module: ModuleType, uniform: float) -> None:
    logits = np.full((1, 40), -np.inf, np.float32)
    logits[0, 17] = -LARGEST
    for options in ({}, {"top_k": 3}, {"top_p": 0.2}, {"min_p": 1.0}, {"temperature": 100.0}):
        assert select(module, logits, np.array([uniform]), **options).tolist() == [17]


@BOTH
def test_rows_do_not_depend_on_each_other(module: ModuleType) -> None:
    logits = _C.standard_normal(8, 0, 5 * 30).reshape(5, 30)
    uniforms = _C.philox_uniform(8, 1, 0, 5)
    together = select(module, logits, uniforms, top_p=0.8)
    alone = [select(module, logits[i : i + 1], uniforms[i : i + 1], top_p=0.8)[0] for i in range(5)]
    assert together.tolist() == alone


@BOTH
def test_any_memory_layout(module: ModuleType) -> None:
    logits = _C.standard_normal(8, 0, 6 * 30).reshape(6, 30)
    uniforms = _C.philox_uniform(8, 1, 0, 6)
    unaligned = np.frombuffer(b"x" + logits.tobytes(), np.float32, offset=1).reshape(6, 30)
    wide = np.repeat(np.repeat(logits, 2, axis=0), 2, axis=1)
    expected = select(module, logits, uniforms).tolist()
    for layout in (np.asfortranarray(logits), unaligned, wide[::2, ::2]):
        assert select(module, layout, uniforms).tolist() == expected
        assert module.top_k(layout, 4)[1].tolist() == module.top_k(logits, 4)[1].tolist()
    assert select(module, logits[::-1], uniforms[::-1]).tolist() == expected[::-1]


@BOTH
def test_no_rows(module: ModuleType) -> None:
    logits = np.zeros((0, 7), np.float32)
    assert select(module, logits, np.zeros(0)).shape == (0,)
    assert [result.shape for result in module.top_k(logits, 3)] == [(0, 3), (0, 3)]


@BOTH
@pytest.mark.parametrize(
    ("logits", "error", "message"),
    [
        ([[0.0]], TypeError, "logits must be a numpy array of float32, got list"),
        (np.zeros((1, 3)), TypeError, r"logits must be float32, got float64; convert it"),
        (np.zeros((1, 3), ">f4"), TypeError, "logits must be float32, got >f4"),
        (np.zeros(3, np.float32), ValueError, r"logits must be \(rows, vocab\), got shape \(3,\)"),
        (np.zeros((1, 0), np.float32), ValueError, r"vocab must be in \[1, .*, got 0"),
        (np.array([[0], [np.nan]], np.float32), ValueError, "NaN, got one in row 1"),
    ],
)
def test_unusable_logits(
    module: ModuleType, logits: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        select(module, logits, np.zeros(len(logits)))
    with pytest.raises(error, match=message):
        module.top_k(logits, 1)


@BOTH
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.nan, "must not hold NaN, got one in row 1"),
        (np.inf, r"must not hold \+inf, got one in row 1"),
        (-np.inf, "must hold a finite value, got only -inf in row 1"),
    ],
)
@pytest.mark.parametrize("vocab", [1, 15, 16, 17, 100])
def test_rows_that_cannot_be_drawn_from(
    module: ModuleType, bad: float, message: str, vocab: int
) -> None:
    logits = np.zeros((2, vocab), np.float32)
    logits[1, :] = bad
    with pytest.raises(ValueError, match=message):
        select(module, logits, np.zeros(2))


@BOTH
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("temperature", 0.0, r"temperature must be in \[0.01, 100\], got 0"),
        ("temperature", 0.0099, "got 0.0099"),
        ("temperature", np.nan, "got nan"),
        ("temperature", 100.1, "got 100.1"),
        ("temperature", np.inf, "got inf"),
        ("top_k", -1, "top_k must be in .*, got -1"),
        ("top_p", 1.3, r"top_p must be in \(0, 1\], got 1.3"),
        ("top_p", 1.0000001, "got 1.0000001"),
        ("top_p", 0.0, "got 0"),
        ("top_p", np.nan, "got nan"),
        ("min_p", -0.1, r"min_p must be in \[0, 1\], got -0.1"),
        ("min_p", 1.5, "got 1.5"),
    ],
)
def test_options_out_of_range(module: ModuleType, option: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        select(module, np.zeros((1, 3), np.float32), np.zeros(1), **{option: value})


@BOTH
@pytest.mark.parametrize("uniform", [1.0, -0.1, np.nan])
def test_uniforms_out_of_range(module: ModuleType, uniform: float) -> None:
    with pytest.raises(ValueError, match=r"uniforms\[1\] must be in \[0, 1\), got "):
        select(module, np.zeros((2, 3), np.float32), np.array([0.5, uniform]))


@BOTH
def test_uniforms_of_other_shapes(module: ModuleType) -> None:
    logits = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"uniforms must be \(rows,\) with rows = 2, got 3"):
        select(module, logits, np.zeros(3))
    with pytest.raises(ValueError, match=r"uniforms must be \(rows,\), got shape \(2, 1\)"):
        select(module, logits, np.zeros((2, 1)))
    with pytest.raises(TypeError, match="uniforms must be float64, got float32"):
        select(module, logits, np.zeros(2, np.float32))


@BOTH
@pytest.mark.parametrize("k", [0, -1, 4, 2**62, 2**63])
def test_k_out_of_range(module: ModuleType, k: int) -> None:
    with pytest.raises(ValueError, match=rf"k must be in .*, got {k}"):
        module.top_k(np.zeros((2, 3), np.float32), k)


@pytest.mark.parametrize(
    "name", ["philox4x32", "philox_uniform", "standard_normal", "top_k", "select_tokens"]
)
def test_examples_of_the_docstrings(name: str) -> None:
    function = getattr(_C, name)
    parsed = doctest.DocTestParser().get_doctest(
        function.__doc__, {name: function, "np": np}, name, None, None
    )
    assert parsed.examples
    assert doctest.DocTestRunner().run(parsed).failed == 0
