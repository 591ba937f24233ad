"""Matrices that kernels load 16 bytes at a time."""

import pytest
import torch

from mime_fast.kernels.padding import padded


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8])
@pytest.mark.parametrize("shape", [(3, 300), (2, 5, 3, 50), (4, 8), (1, 1)], ids=str)
def test_rows_start_at_16_bytes(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    matrix = (50 * torch.randn(shape)).to(dtype)
    found = padded(matrix)
    assert torch.equal(found, matrix)
    for stride in found.stride()[:-1]:
        assert stride * found.element_size() % 16 == 0
    row = found.stride(-2)
    whole = found.as_strided((*shape[:-1], row), found.stride())
    assert not whole[..., shape[-1] :].any()
    assert padded(torch.empty(3, 300, device="meta")).stride() == (304, 1)
