"""Matrices whose rows start at multiples of 16 bytes, so that a thread loads 16 bytes at a time."""

from __future__ import annotations

import torch
from torch import Tensor

PADDED = 8  # elements: 16 bytes of half precision, the narrowest but int8
BYTES = 16


def padded(matrix: Tensor, device: torch.device | None = None) -> Tensor:
    """The same matrix with zeros behind each row; they are no part of it.

    Kernels multiply them by zeros. matrix: (..., columns, inner); device: its own if left out.
    """
    *rows, size = matrix.shape
    multiple = max(PADDED, BYTES // matrix.element_size())
    row = -(-size // multiple) * multiple
    whole = torch.zeros(*rows, row, dtype=matrix.dtype, device=device or matrix.device)
    view = whole[..., :size]
    view.copy_(matrix)
    return view
