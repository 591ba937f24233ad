"""What a system's encoder and decoder launch on a device. It alone chooses its kernels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mime_fast.config import ModelConfig
from mime_fast.engines.cuda.memory import Fields
from mime_fast.kernels.layer_norm import Norm
from mime_fast.kernels.project import Best, project
from mime_fast.kernels.replies import Replies
from mime_fast.kernels.row_groups import GroupProgress
from mime_fast.text.special import EOS
from mime_fast.types import FloatArray


class Projection(NamedTuple):
    """The projection onto the vocabulary, as kernels/project.py takes it."""

    weight: Tensor  # (vocabulary, dim)
    bias: Tensor  # (vocabulary,)
    reply_bias: Tensor  # likewise, with -inf for what is never generated
    scale: Tensor | None = None
    norm: Norm | None = None  # of its inputs, where the decoder leaves it to the projection


class Found(NamedTuple):
    """What the host reads of the encoder's result, one entry a request."""

    logits: Tensor  # float32 (batch, emotions)
    mixture: Tensor  # float32 (batch, emotions)
    mimics_positive: Tensor  # int32 (batch,)


class RequestMemory(NamedTuple):
    """What the decoder reads of requests."""

    cross: Tensor  # float32 (layers, requests, source, 2 * kv_dim): keys and values
    conditioning: Tensor  # float32 (requests, width): added to each input; width 0: nothing is

    def copy_to(self, other: RequestMemory, places: slice) -> None:
        """Copy all of it to the requests of these places, whose contexts may be longer."""
        other.cross[:, places, : self.cross.shape[2]] = self.cross
        other.conditioning[places] = self.conditioning


class CudaSystem(ABC):
    """A system's weights on a device, and its launches."""

    layers: int  # of the decoder
    kv_dim: int  # of a layer's keys
    conditioning_dim: int = 0  # what is added to each input of the decoder
    weights: Any  # of the system's own type
    projection: Projection

    def __init__(self, config: ModelConfig, device: torch.device) -> None:
        self.config, self.device = config, device

    @abstractmethod
    def input_fields(self, batch: int, length: int) -> Fields:
        """What encode() reads beside tokens, speakers, lengths and forced emotions."""

    @abstractmethod
    def fill(self, arrays: dict[str, Any], noise: FloatArray) -> None:
        """Write these fields for the requests of this noise (requests, latents, width).

        Tokens and speakers are there, and may be written as encode() reads them.
        """

    @abstractmethod
    def encode(self, inputs: dict[str, Tensor], found: Found, memory: RequestMemory) -> None:
        """Launch everything before the decoder; it writes `found` and `memory`."""

    @abstractmethod
    def new_caches(
        self, steps: int, sources: Tensor, memory: RequestMemory, lengths: Tensor
    ) -> Any:
        """Caches with a column for each row and room for so many steps.

        sources: int32 (rows,), the request of each row; lengths: int32 (requests,).
        """

    @abstractmethod
    def decode(
        self,
        replies: Replies,
        caches: Any,
        group: int = 1,
        progress: GroupProgress | None = None,
    ) -> Tensor:
        """Launch the layers for the newest word of each row: (rows, dim), for project().

        group, progress: see kernels/decode_step.py.
        """

    def project(self, hidden: Tensor, replies: Replies, *, blocks: bool, **options: Any) -> Best:
        """Launch the projection; blocks: words that are never generated are blocked."""
        w = self.projection
        return project(
            hidden,
            w.weight,
            w.reply_bias if blocks else w.bias,
            replies,
            end_word=EOS,
            scale=w.scale,
            norm=w.norm,
            **options,
        )

    def new_memory(self, requests: int, source: int) -> RequestMemory:
        """Memory for so many requests, of contexts of up to so many tokens."""
        return RequestMemory(
            torch.empty(self.layers, requests, source, 2 * self.kv_dim, device=self.device),
            torch.empty(requests, self.conditioning_dim, device=self.device),
        )

    def new_cache(self, steps: int, rows: int, size: int) -> Tensor:
        """An empty cache of every layer."""
        return torch.empty(self.layers, steps, rows, size, device=self.device)
