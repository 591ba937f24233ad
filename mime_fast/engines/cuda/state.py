"""The decode state of searches on the host: beams that are streamed, or too wide for a device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad as extend

from mime_fast.kernels.replies import Replies
from mime_fast.kernels.row_caches import Caches, LlamaCaches


@dataclass
class State:
    """Rows that were started together and whose words the host chooses."""

    generated: Tensor  # as in Replies
    caches: Caches | LlamaCaches
    position: int = 0

    def replies(self) -> Replies:
        """What the kernels read: no row has an end but its words."""
        count, device = len(self.generated), self.generated.device
        limits = torch.tensor([[2**31 - 1, 0, 0]], dtype=torch.int32, device=device)
        positions = torch.full((count,), self.position, dtype=torch.int32, device=device)
        penalties = torch.ones(count, device=device)
        return Replies(self.generated, positions, limits.repeat(count, 1), penalties)

    def reserve_step(self) -> None:
        """Make room for a step."""
        more = self.position
        if more == self.caches.kv_positions.shape[1]:
            self.generated = extend(self.generated, (0, more))
            kv_positions = extend(self.caches.kv_positions, (0, more))
            self._extend((0, 0, 0, 0, 0, more), kv_positions=kv_positions)

    def select(self, rows: Tensor) -> State:
        """These rows, in this order."""
        caches = self.caches._replace(
            sources=self.caches.sources[rows], kv_positions=self.caches.kv_positions[rows]
        )
        kept = State(self.generated[rows], caches, self.position)
        more = len(rows) - caches.keys_values.shape[2]
        if more > 0:
            kept._extend((0, 0, 0, more))
        return kept

    def _extend(self, by: tuple[int, ...], **changes: Tensor) -> None:
        for name in self.caches.histories:
            changes[name] = extend(getattr(self.caches, name), by)
        self.caches = self.caches._replace(**changes)
