"""Random numbers: known answers, C++ against its numpy twin, and the moments of what is drawn."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast import _C
from tests.oracle import sampling

BOTH = pytest.mark.parametrize("module", [_C, sampling], ids=["native", "numpy"])

SEEDS = st.integers(0, 2**64 - 1)
STREAMS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(0, 40)

# Counter, key, result: kat_vectors of Random123, the library of the Philox paper's authors.
KNOWN_ANSWERS = [
    ([0, 0, 0, 0], 0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([2**32 - 1] * 4, 2**64 - 1, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        0x299F31D0A4093822,
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@BOTH
@pytest.mark.parametrize(("counter", "seed", "expected"), KNOWN_ANSWERS)
def test_known_answers(
    module: ModuleType, counter: list[int], seed: int, expected: list[int]
) -> None:
    words = module.philox4x32(np.array([counter], np.uint32), seed)
    assert words.dtype == np.uint32
    assert words.tolist() == [expected]


@BOTH
def test_uniform_takes_the_documented_words(module: ModuleType) -> None:
    seed, stream, index = 2**63 + 5, 77, 2**33 + 2**20 + 1
    block = index // 2
    counter = np.array([[block % 2**32, block >> 32, stream, 0]], np.uint32)
    low, high = (int(word) for word in module.philox4x32(counter, seed)[0, 2:])
    assert module.philox_uniform(seed, stream, index, 1).tolist() == [
        ((high << 32 | low) >> 11) / 2**53
    ]


@given(seed=SEEDS, stream=STREAMS, offset=st.integers(0, 2**63 - 1), count=COUNTS)
def test_uniform_equals_its_twin(seed: int, stream: int, offset: int, count: int) -> None:
    ours = _C.philox_uniform(seed, stream, offset, count)
    assert ours.dtype == np.float64
    np.testing.assert_array_equal(ours, sampling.philox_uniform(seed, stream, offset, count))


@given(seed=SEEDS, stream=STREAMS, count=COUNTS)
def test_normal_equals_its_twin(seed: int, stream: int, count: int) -> None:
    ours = _C.standard_normal(seed, stream, count)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, sampling.standard_normal(seed, stream, count))


def test_long_draws_equal_their_twins() -> None:
    uniforms = _C.philox_uniform(3, 1, 0, 100_001)
    np.testing.assert_array_equal(uniforms, sampling.philox_uniform(3, 1, 0, 100_001))
    normals = _C.standard_normal(3, 1, 100_001)
    np.testing.assert_array_equal(normals, sampling.standard_normal(3, 1, 100_001))


@given(offset=st.integers(0, 30), count=st.integers(0, 30))
def test_a_number_depends_on_its_index_only(offset: int, count: int) -> None:
    whole = _C.philox_uniform(9, 4, 0, 60)
    np.testing.assert_array_equal(
        _C.philox_uniform(9, 4, offset, count), whole[offset : offset + count]
    )
    np.testing.assert_array_equal(
        _C.standard_normal(9, 4, count), _C.standard_normal(9, 4, 60)[:count]
    )


def test_uniforms_are_uniform_and_streams_independent() -> None:
    count = 200_000
    first, second = _C.philox_uniform(11, 0, 0, count), _C.philox_uniform(11, 1, 0, count)
    assert first.min() >= 0
    assert first.max() < 1
    # Five standard errors.
    assert abs(first.mean() - 0.5) < 5 / np.sqrt(12 * count)
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(count)
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 5 / np.sqrt(count)


def test_normals_have_the_moments_of_a_normal() -> None:
    count = 200_000
    normals = _C.standard_normal(11, 2, count).astype(np.float64)
    # The standard errors of the mean, the variance and the fourth moment (3), five times.
    assert abs(normals.mean()) < 5 / np.sqrt(count)
    assert abs(normals.var() - 1) < 5 * np.sqrt(2 / count)
    assert abs((normals**4).mean() - 3) < 5 * np.sqrt(96 / count)


@BOTH
@pytest.mark.parametrize("seed", [-1, 2**64, 2**70])
def test_seed_out_of_range(module: ModuleType, seed: int) -> None:
    with pytest.raises(ValueError, match=rf"seed must be in \[0, 2\*\*64\), got {seed}"):
        module.philox_uniform(seed, 0, 0, 1)


@BOTH
@pytest.mark.parametrize(
    ("stream", "offset", "count", "name"),
    [(2**32, 0, 1, "stream"), (-1, 0, 1, "stream"), (0, -1, 1, "offset"), (0, 0, -3, "count")],
)
def test_other_arguments_out_of_range(
    module: ModuleType, stream: int, offset: int, count: int, name: str
) -> None:
    with pytest.raises(ValueError, match=f"{name} must be in"):
        module.philox_uniform(1, stream, offset, count)


@BOTH
def test_integers_of_other_kinds(module: ModuleType) -> None:
    with pytest.raises(TypeError, match="seed must be an integer, got float"):
        module.standard_normal(1.0, 0, 1)
    with pytest.raises(TypeError, match="count must be an integer, got str"):
        module.standard_normal(1, 0, "1")
    assert len(module.standard_normal(np.uint64(2**64 - 1), np.int32(3), np.int64(2))) == 2


@BOTH
def test_counters_of_other_shapes(module: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"counters must be \(blocks, 4\), got 3"):
        module.philox4x32(np.zeros((2, 3), np.uint32), 0)
    with pytest.raises(TypeError, match="counters must be uint32, got int64"):
        module.philox4x32(np.zeros((2, 4), np.int64), 0)
    assert module.philox4x32(np.zeros((0, 4), np.uint32), 0).shape == (0, 4)
