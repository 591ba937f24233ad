from __future__ import annotations

import numpy as np
import pytest

from mime_fast.quantized import SCALE, dequantize_matrices, quantize, quantize_matrices


def test_values_are_within_half_a_step_and_zero_rows_stay() -> None:
    matrix = np.random.default_rng(0).normal(size=(7, 33)).astype(np.float32)
    matrix[3] = 0
    values, scale = quantize(matrix)
    assert values.dtype == np.int8
    found = values.astype(np.float32) * scale[:, None]
    assert (np.abs(found - matrix) <= scale[:, None] * 0.5001).all()
    assert (found[3] == 0).all()
    assert np.abs(values).max() == 127


def test_what_was_quantized_once_does_not_change_again() -> None:
    tensors = {
        "a": np.random.default_rng(1).normal(size=(4, 9)).astype(np.float32),
        "b": np.ones(4, np.float32),
    }
    stored = quantize_matrices(tensors)
    assert sorted(stored) == ["a", "a" + SCALE, "b"]
    once = dequantize_matrices(stored)
    twice = dequantize_matrices(quantize_matrices(once))
    assert once["b"] is not None
    assert twice["a"] == pytest.approx(once["a"], rel=1e-6)
