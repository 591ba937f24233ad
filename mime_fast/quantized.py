"""Matrices stored as int8 with a scale a row. The model is its dequantised weights.

A matrix NAME is stored as NAME, int8 (rows, columns), and NAME.scale, float32 (rows,). Its values
are those of int8 times scale, in float32: every engine computes with the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mime_fast.types import FloatArray

SCALE = ".scale"
LARGEST = 127
Tensors = Mapping[str, np.ndarray[Any, Any]]


def quantize(matrix: FloatArray) -> tuple[np.ndarray[Any, Any], FloatArray]:
    """(rows, columns) -> int8 (rows, columns) and float32 scales (rows,); the nearest values."""
    scale = np.abs(matrix).max(1).astype(np.float32) / np.float32(LARGEST)
    scale[scale == 0] = 1
    return np.rint(matrix / scale[:, None]).astype(np.int8), scale


def dequantize(values: np.ndarray[Any, Any], scale: FloatArray) -> FloatArray:
    """Int8 (rows, columns) times scales (rows,), float32."""
    return values.astype(np.float32) * scale[:, None]


def quantize_matrices(tensors: Mapping[str, FloatArray]) -> dict[str, np.ndarray[Any, Any]]:
    """Every tensor of two dimensions as int8 and its scale; the others in float32."""
    stored: dict[str, np.ndarray[Any, Any]] = {}
    for name, tensor in tensors.items():
        if tensor.ndim == 2:
            stored[name], stored[name + SCALE] = quantize(tensor)
        else:
            stored[name] = tensor.astype(np.float32)
    return stored


def dequantize_matrices(stored: Tensors) -> dict[str, FloatArray]:
    """What quantize_matrices was given, as every engine computes with it."""
    scales = scales_of(stored)
    return {
        name: dequantize(tensor, stored[name + SCALE]) if name + SCALE in scales else tensor
        for name, tensor in stored.items()
        if name not in scales
    }


def scales_of(names: Iterable[str]) -> set[str]:
    """The names that are scales of others."""
    known = set(names)
    return {name for name in known if name.removesuffix(SCALE) in known - {name}}
