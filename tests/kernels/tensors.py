"""What the kernels' tests share: hostile sequences, and the comparison with a slow twin.

With TRITON_INTERPRET=0 and a GPU the same tests run there.
"""

import os

import numpy as np
import torch
from torch import Tensor

from mime_fast.kernels.padding import padded

ON_GPU = os.environ.get("TRITON_INTERPRET") == "0" and torch.cuda.is_available()
DEVICE = torch.device("cuda" if ON_GPU else "cpu")
# The interpreter silently computes nonsense in bfloat16.
DTYPES = [torch.float32, torch.float16, *([torch.bfloat16] if ON_GPU else [])]
# Errors of float32 sums over 100 terms near 1, and of products whose factors are kept in half
# precision, where both sides round. bfloat16 has three bits less than float16.
TOLERANCES = {torch.float32: 2e-5, torch.float16: 4e-3, torch.bfloat16: 3.2e-2}


class Draw:
    """Seeded tensors."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def __call__(self, *shape: int, scale: float = 1.0) -> Tensor:
        drawn = self.generator.standard_normal(shape, np.float32) * np.float32(scale)
        return torch.from_numpy(drawn).to(DEVICE)

    def weight(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Keeps what it multiplies near 1; the product is over all but the first dimension.

        Padded, as the engine's weights are.
        """
        return padded(self(*shape, scale=float(np.prod(shape[1:])) ** -0.5).to(dtype))

    def ids(self, count: int, *shape: int) -> Tensor:
        return torch.from_numpy(self.generator.integers(0, count, shape, dtype=np.int32)).to(DEVICE)

    def permutation(self, count: int) -> Tensor:
        return torch.from_numpy(self.generator.permutation(count).astype(np.int32)).to(DEVICE)

    def lengths(self, batch: int, longest: int) -> Tensor:
        """At least one sequence is as long as can be."""
        drawn = self.generator.integers(1, longest + 1, batch, dtype=np.int32)
        drawn[self.generator.integers(batch)] = longest
        return torch.from_numpy(drawn).to(DEVICE)

    def sequences(self, lengths: Tensor, width: int, scale: float = 1.0) -> Tensor:
        """(batch, longest, width), NaN beyond each length: nobody may read it."""
        x = self(len(lengths), int(lengths.max()), width, scale=scale)
        return x.where(within(x, lengths), torch.nan)


def within(x: Tensor, lengths: Tensor) -> Tensor:
    return (torch.arange(x.shape[1], device=x.device) < lengths[:, None])[:, :, None]


def check_sequences(
    actual: Tensor, expected: Tensor, lengths: Tensor, tolerance: float = 2e-5
) -> None:
    visible = within(actual, lengths)
    check_close(actual.where(visible, 0), expected.where(visible, 0), tolerance)


def check_close(actual: Tensor, expected: Tensor, tolerance: float = 2e-5) -> None:
    assert actual.dtype == expected.dtype
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)
