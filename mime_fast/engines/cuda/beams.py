"""Beam search whose state lies on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mime_fast import _C
from mime_fast.config import GenerationConfig
from mime_fast.engines.cuda.memory import Fields
from mime_fast.engines.cuda.rows import (
    BEAM_FIELDS,
    Arrays,
    BeamRows,
    NotFiniteError,
    StepRows,
    row_fields,
    rows_of,
)
from mime_fast.kernels.row_groups import GroupProgress
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.text.special import EOS, SOS

EARLY_STOPPING = False, True, "never"  # as numbered in csrc/search/early_stopping.h


@dataclass(frozen=True)
class DeviceBeams:
    """Beam search with length penalty, early stopping and n-best."""

    width: int  # at most _C.MOST_DEVICE_BEAMS
    group = 1

    @property
    def kept(self) -> int:
        """Each parent ends at most once, so that 2 * width candidates hold width that go on."""
        return 2 * self.width

    def fields(self, places: int, steps: int) -> Fields:  # noqa: ARG002
        """The fields that it keeps on the device, beside those of every search."""
        rows = places * self.width
        return {
            "counts": ("int32", (places, 3)),
            "nodes": ("int32", (rows,)),
            "totals": ("float64", (rows,)),
            "finished": ("int32", (places, self.width)),
            "scores": ("float64", (places, self.width)),
            "options": ("float64", (places, 2)),
        }

    def group_progress(self, tensors: Mapping[str, Tensor]) -> GroupProgress | None:  # noqa: ARG002
        """No row waits for another one."""
        return None

    def record(self, places: int, steps: int) -> Fields:
        """The tree of hypotheses, a megabyte for a hundred places, read when a reply has ended."""
        tree = places, 1 + 2 * self.width * steps
        return {
            "tree_parents": ("int32", tree),
            "tree_words": ("int32", tree),
            "tree_log_probs": ("float64", tree),
        }

    def fill(
        self,
        arrays: Arrays,
        places: slice,
        options: GenerationConfig,
        seeds: Sequence[int],  # noqa: ARG002 - a beam draws nothing
    ) -> None:
        """Begin replies in these places: one row of each is live, at the root of its tree."""
        rows = rows_of(places, self.width)
        first = slice(rows.start, rows.stop, self.width)
        arrays["positions"][rows] = 0
        arrays["generated"][rows, 0] = EOS
        arrays["generated"][first, 0] = SOS
        arrays["nodes"][first] = 0
        arrays["totals"][first] = 0
        arrays["counts"][places] = 1, 1, 0
        early_stopping = EARLY_STOPPING.index(options.early_stopping)
        arrays["options"][places] = options.length_penalty, early_stopping

    def step(self, rows: StepRows) -> None:
        """Choose the next words of each row, with the kernel of csrc/search."""
        best, t = rows.project(), rows.tensors
        own = {name: t[name] for name in BEAM_FIELDS}
        fields = row_fields(rows.replies, best)
        state = BeamRows(**fields, kv_positions=rows.caches.kv_positions, **own)
        _C.beam_step(state, rows.stream)

    def ended(self, arrays: Arrays) -> NDArray[np.bool_]:
        """Whether all replies of a place have ended: (places,)."""
        over: NDArray[np.bool_] = arrays["counts"][:, 0] == 0
        return over

    def results(
        self,
        arrays: Arrays,
        places: Sequence[int],
        *,
        scored: bool,  # noqa: ARG002 - a beam's replies always are
    ) -> list[list[Hypothesis]]:
        """The finished hypotheses of each place, best first."""
        return [self._results(arrays, place) for place in places]

    def _results(self, arrays: Arrays, place: int) -> list[Hypothesis]:
        nodes = arrays["finished"][place, : arrays["counts"][place, 2]].tolist()
        if not nodes:
            raise NotFiniteError
        tree = [arrays[f"tree_{part}"][place] for part in ("parents", "words", "log_probs")]
        return [self._reply(node, *tree) for node in nodes]

    @staticmethod
    def _reply(
        node: int, parents: NDArray[Any], words: NDArray[Any], log_probs: NDArray[Any]
    ) -> Hypothesis:
        path = []
        while node:
            path.append(node)
            node = int(parents[node])
        path.reverse()
        shares = log_probs[path].tolist()
        return Hypothesis(tuple(words[path].tolist()), sum(shares), tuple(shares))
