"""Random numbers and token sampling in numpy: the slow twins of mime_fast._C.

Every function takes what its twin in mime_fast._C takes and returns the same bits.
"""

import math
import operator
from collections.abc import Callable
from typing import SupportsIndex

import numpy as np
from numpy.typing import NDArray

_LOW_32 = np.uint64(0xFFFFFFFF)
_SHIFT_32 = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_MAX_VOCAB = 2**31 - 1


def philox4x32(counters: NDArray[np.uint32], seed: int) -> NDArray[np.uint32]:
    """Encrypt counters with Philox4x32-10 (Salmon et al., SC 2011).

    Args:
        counters: uint32, (blocks, 4).
        seed: the key, in [0, 2**64); its low 32 bits are the first key word.

    Returns:
        uint32, (blocks, 4): four random words a counter.
    """
    _check_array(counters, "counters", np.uint32, "(blocks, 4)")
    seed = _unsigned(seed, "seed", 64)
    if counters.shape[1] != 4:
        raise ValueError(f"counters must be (blocks, 4), got {counters.shape[1]} words a block")
    keys = [seed & 0xFFFFFFFF, seed >> 32]
    c0, c1, c2, c3 = counters.T.astype(np.uint64)  # each (blocks,)
    for _ in range(10):
        product0, product1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (product1 >> _SHIFT_32) ^ c1 ^ np.uint64(keys[0]),
            product1 & _LOW_32,
            (product0 >> _SHIFT_32) ^ c3 ^ np.uint64(keys[1]),
            product0 & _LOW_32,
        )
        keys = [(key + step) & 0xFFFFFFFF for key, step in zip(keys, _KEY_STEPS, strict=True)]
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def philox_uniform(seed: int, stream: int, offset: int, count: int) -> NDArray[np.float64]:
    """Draw uniform numbers in [0, 1) from a counter-based stream.

    Number i depends on nothing but (seed, stream, i). It takes two words of block b = i // 2: word
    2 (i % 2), the low one, and word 2 (i % 2) + 1. The counter of the block is (low word of b, high
    word of b, stream, 0).

    Args:
        seed: in [0, 2**64).
        stream: in [0, 2**32); streams of one seed are independent.
        offset: index of the first number, in [0, 2**63).
        count: how many, in [0, 2**63).

    Returns:
        float64, (count,), with 53 random bits each.
    """
    seed, stream = _unsigned(seed, "seed", 64), _unsigned(stream, "stream", 32)
    offset, count = _unsigned(offset, "offset", 63), _unsigned(count, "count", 63)
    first, end = offset // 2, (offset + count + 1) // 2
    blocks = np.uint64(first) + np.arange(end - first, dtype=np.uint64)
    counters = np.zeros((len(blocks), 4), np.uint32)
    counters[:, 0] = blocks & _LOW_32
    counters[:, 1] = blocks >> _SHIFT_32
    counters[:, 2] = stream
    words = philox4x32(counters, seed).reshape(-1, 2).astype(np.uint64)  # (numbers, low and high)
    bits = (words[:, 1] << _SHIFT_32 | words[:, 0]) >> np.uint64(11)
    return (bits.astype(np.float64) * 2.0**-53)[offset % 2 :][:count]


def standard_normal(seed: int, stream: int, count: int) -> NDArray[np.float32]:
    """Draw standard normal numbers from a counter-based stream.

    Box and Muller's transform of consecutive pairs of philox_uniform(seed, stream, ...), computed
    in float64 and rounded last.

    Args:
        seed: in [0, 2**64).
        stream: in [0, 2**32).
        count: how many, in [0, 2**63).

    Returns:
        float32, (count,).
    """
    count = _unsigned(count, "count", 63)
    uniforms = philox_uniform(seed, stream, 0, count + count % 2).reshape(-1, 2)
    # 1 - u is in (0, 1], so the logarithm is finite.
    radius = np.sqrt(-2.0 * _each(math.log, 1.0 - uniforms[:, 0]))
    angle = 2 * math.pi * uniforms[:, 1]
    pairs = np.stack([radius * _each(math.cos, angle), radius * _each(math.sin, angle)], axis=1)
    return pairs.reshape(-1)[:count].astype(np.float32)


def top_k(logits: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Find the k largest logits of every row.

    Args:
        logits: float32, (rows, vocab); -inf is allowed.
        k: in [1, vocab].

    Returns:
        values: float32, (rows, k), in descending order.
        ids: int64, (rows, k); equal logits come lowest id first.

    Raises:
        ValueError: k is out of range, or a row holds NaN.
    """
    _check_logits(logits)
    k = _unsigned(k, "k", 63)
    if not 1 <= k <= logits.shape[1]:
        raise ValueError(f"k must be in [1, vocab = {logits.shape[1]}], got {k}")
    _reject_rows(np.isnan(logits).any(axis=1), "logits must not hold NaN, got one in row")
    ids = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(logits, ids, axis=1), ids


def select_tokens(
    logits: NDArray[np.float32],
    uniforms: NDArray[np.float64],
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
) -> NDArray[np.int64]:
    """Draw one token a row; the random number is an argument.

    Tokens are ranked by descending logit, lowest id first on ties. The first top_k stay. Of their
    softmax(logits / temperature), computed in float64, the shortest prefix with a cumulative
    probability of at least top_p stays. Of these, tokens with at least min_p times the best
    probability stay. The inverse of their cumulative distribution at the row's uniform is the
    token.

    Args:
        logits: float32, (rows, vocab); -inf forbids a token.
        uniforms: float64, (rows,), in [0, 1).
        temperature: in [0.01, 100].
        top_k: at least 0; 0, or more than vocab, keeps all.
        top_p: in (0, 1].
        min_p: in [0, 1].

    Returns:
        int64, (rows,): ids of positive probability.

    Raises:
        ValueError: an argument is out of range, or a row holds NaN, +inf or nothing but -inf.
    """
    top_k = _unsigned(top_k, "top_k", 63)
    _check_logits(logits)
    _check_options(temperature, top_p, min_p)
    _check_uniforms(uniforms, len(logits))
    _reject_rows(np.isnan(logits).any(axis=1), "logits must not hold NaN, got one in row")
    _reject_rows(np.isposinf(logits).any(axis=1), "logits must not hold +inf, got one in row")
    _reject_rows(
        np.isneginf(logits).all(axis=1), "logits must hold a finite value, got only -inf in row"
    )
    tokens = [
        _select_token(row, float(uniform), temperature, top_k or len(row), top_p, min_p)
        for row, uniform in zip(logits, uniforms, strict=True)
    ]
    return np.array(tokens, np.int64)


def _select_token(
    logits: NDArray[np.float32],
    uniform: float,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
) -> int:
    order = np.argsort(-logits, kind="stable")[:top_k]
    best = logits[order].astype(np.float64)
    weights = _each(math.exp, (best - best[0]) / temperature)
    # Sums run in a fixed order, by id over all tokens and by rank over those that are kept.
    kept_weight = float(np.cumsum(weights[np.argsort(order)])[-1])
    cumulative = np.cumsum(weights)
    kept = int(np.count_nonzero(weights))
    if top_p < 1 or min_p > 0:
        kept = min(kept, int(np.count_nonzero(weights >= min_p)))
        if top_p < 1:
            kept = min(kept, int(np.searchsorted(cumulative, top_p * kept_weight)) + 1)
        kept_weight = float(cumulative[kept - 1])
    rank = int(np.searchsorted(cumulative[:kept], uniform * kept_weight, side="right"))
    # Rounding can leave the target above the last sum.
    return int(order[min(rank, kept - 1)])


def _each(function: Callable[[float], float], values: NDArray[np.float64]) -> NDArray[np.float64]:
    # numpy's own exp, log and cos differ from the C library's, which _C calls, in the last bit.
    return np.fromiter(map(function, values.tolist()), np.float64, count=len(values))


def _unsigned(value: SupportsIndex, name: str, bits: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}") from None
    if not 0 <= number < 2**bits:
        raise ValueError(f"{name} must be in [0, 2**{bits}), got {number}")
    return number


def _check_array(value: object, name: str, dtype: type[np.generic], dimensions: str) -> None:
    expected = np.dtype(dtype)
    if not isinstance(value, np.ndarray):
        kind = type(value).__name__
        raise TypeError(f"{name} must be a numpy array of {expected}, got {kind}")
    if value.dtype != expected:
        raise TypeError(
            f"{name} must be {expected}, got {value.dtype}; "
            f"convert it with .astype(numpy.{expected})"
        )
    if value.ndim != len(dimensions.strip("(,)").split(",")):
        raise ValueError(f"{name} must be {dimensions}, got shape {value.shape}")


def _check_logits(logits: NDArray[np.float32]) -> None:
    _check_array(logits, "logits", np.float32, "(rows, vocab)")
    if not 1 <= logits.shape[1] <= _MAX_VOCAB:
        raise ValueError(f"vocab must be in [1, {_MAX_VOCAB}], got {logits.shape[1]}")


def _check_options(temperature: float, top_p: float, min_p: float) -> None:
    if not 0.01 <= temperature <= 100:
        raise ValueError(f"temperature must be in [0.01, 100], got {temperature}")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be in (0, 1], got {top_p}")
    if not 0 <= min_p <= 1:
        raise ValueError(f"min_p must be in [0, 1], got {min_p}")


def _check_uniforms(uniforms: NDArray[np.float64], rows: int) -> None:
    _check_array(uniforms, "uniforms", np.float64, "(rows,)")
    if len(uniforms) != rows:
        raise ValueError(f"uniforms must be (rows,) with rows = {rows}, got {len(uniforms)}")
    outside = np.flatnonzero(~((uniforms >= 0) & (uniforms < 1)))
    if len(outside):
        index = outside[0]
        raise ValueError(f"uniforms[{index}] must be in [0, 1), got {uniforms[index]}")


def _reject_rows(bad: NDArray[np.bool_] | np.bool_, message: str) -> None:
    if np.any(bad):
        raise ValueError(f"{message} {np.argmax(bad)}")
