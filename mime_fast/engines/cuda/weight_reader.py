"""A checkpoint's tensors as the kernels read them, on the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mime_fast.checkpoint import Checkpoint
from mime_fast.config import ModelConfig
from mime_fast.kernels.layer_norm import Norm
from mime_fast.kernels.linear import Matrix
from mime_fast.kernels.padding import padded
from mime_fast.stored_tensors import read_quantized


class WeightReader:
    """Reads in float32; matrices are then rounded to dtype.

    With float32, matrices that are stored as int8 stay so: the kernels multiply by their values.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> None:
        self.config: ModelConfig = checkpoint.config
        self._tensors = {
            name: torch.from_numpy(tensor).float() for name, tensor in checkpoint.tensors.items()
        }
        exact = dtype == torch.float32
        self._quantized = read_quantized(checkpoint.weights) if exact else {}
        self.device, self.dtype = device, dtype

    def get(self, name: str, part: str = "weight") -> Tensor:
        """A tensor in float32, on the host."""
        return self._tensors[f"{name}.{part}"]

    def put(self, tensor: Tensor) -> Tensor:
        """A vector or a table that is not rounded."""
        return tensor.contiguous().to(self.device)

    def round(self, tensor: Tensor) -> Tensor:
        """A matrix, rounded and padded."""
        return padded(tensor.to(self.dtype), self.device)

    def norm(self, name: str, epsilon: float | None = None) -> Norm:
        """A layer norm."""
        return Norm(self.put(self.get(name)), self.put(self.get(name, "bias")), epsilon)

    def folded(self, weight: Tensor, bias: Tensor | None = None) -> Matrix:
        """A matrix that was computed of others."""
        return Matrix(self.round(weight), None, None if bias is None else self.put(bias))

    def matrix(
        self,
        *names: str,
        bias: bool = False,
        rows: Tensor | None = None,
        columns: slice = slice(None),
    ) -> Matrix:
        """The matrices, one above the other.

        rows: which rows of each, in which order; columns: which ones of each.
        """
        own_bias = torch.cat([self.get(name, "bias") for name in names]) if bias else None
        if all(f"{name}.weight" in self._quantized for name in names):
            weight, scale = self._stored(names)
        else:
            weight, scale = torch.cat([self.get(name) for name in names]).to(self.dtype), None
        if rows is not None:
            weight, scale = weight[rows], None if scale is None else scale[rows]
        return Matrix(
            padded(weight[:, columns], self.device),
            None if scale is None else self.put(scale),
            None if own_bias is None else self.put(own_bias),
        )

    def _stored(self, names: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Values and scales as they are stored."""
        found = [self._quantized[f"{name}.weight"] for name in names]
        parts = zip(*found, strict=True)
        values, scales = ([torch.from_numpy(each) for each in part] for part in parts)
        return torch.cat(values), torch.cat(scales)
