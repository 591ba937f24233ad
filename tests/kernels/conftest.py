"""Where the kernels' tests make their tensors."""

from collections.abc import Iterator

import pytest
import torch

from tests.kernels.tensors import DEVICE, ON_GPU


@pytest.fixture(scope="module", autouse=True)
def device() -> Iterator[torch.device]:
    """Tensors that name no device are made there too; the twins round no float32 to TF32."""
    if not ON_GPU:
        yield DEVICE
        return
    torch.set_float32_matmul_precision("highest")
    with DEVICE:
        yield DEVICE
