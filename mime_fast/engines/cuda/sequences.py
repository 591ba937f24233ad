"""Searches of rows that are independent of each other: greedy, with drafts, sampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mime_fast import _C
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import TOKEN_STREAM, EngineError
from mime_fast.engines.cuda.memory import Fields
from mime_fast.engines.cuda.rows import (
    Arrays,
    DraftRows,
    NotFiniteError,
    SampleRows,
    StepRows,
    row_fields,
    rows_of,
)
from mime_fast.kernels.row_groups import GroupProgress
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.text.special import EOS, SOS
from mime_fast.types import IntArray

# Product over the drafts of a reply. Lower than the native engine's: rows are cheap on a GPU.
LEAST_CONFIDENCE = 0.1


class _Sequences:
    """Rows that are independent of each other."""

    width: int  # rows of a request
    group = 1  # rows that follow each other, see kernels/row_groups.py
    kept = 1  # best words of a row

    def record(self, places: int, steps: int) -> Fields:  # noqa: ARG002
        """The fields that stay on the device until a reply has ended."""
        return {}

    def fill(
        self,
        arrays: Arrays,
        places: slice,
        options: GenerationConfig,  # noqa: ARG002 - others read them
        seeds: Sequence[int],  # noqa: ARG002
    ) -> None:
        """Begin replies in these places, one for each seed."""
        rows = rows_of(places, self.width)
        arrays["generated"][rows, 0] = EOS
        arrays["generated"][rows.start : rows.stop : self.group, 0] = SOS
        arrays["positions"][rows] = 0
        arrays["log_probs"][rows] = 0

    def group_progress(self, tensors: Mapping[str, Tensor]) -> GroupProgress | None:  # noqa: ARG002
        """How far the rows of groups have come; None: there are none."""
        return None

    def ended(self, arrays: Arrays) -> NDArray[np.bool_]:
        """Whether all replies of a place have ended: (places,); a group's first row says it."""
        positions, generated, limits = (
            arrays[name][:: self.group] for name in ("positions", "generated", "limits")
        )
        newest = generated[np.arange(len(positions)), positions]
        ended = (newest == EOS) | (positions >= limits[:, 0])
        return ended.reshape(-1, self.width // self.group).all(1)

    def results(
        self, arrays: Arrays, places: Sequence[int], *, scored: bool
    ) -> list[list[Hypothesis]]:
        """The replies of each place so far, best first.

        Log-probabilities are 0 unless `scored`.
        """
        count = self.width // self.group  # of replies in a place
        rows = np.array(places)[:, None] * self.width + np.arange(count)
        found = self._replies(arrays, rows.ravel(), scored=scored)
        return [found[first : first + count] for first in range(0, len(found), count)]

    @staticmethod
    def _replies(arrays: Arrays, rows: IntArray, *, scored: bool) -> list[Hypothesis]:
        """The replies of all rows at once: one by one, 256 would take as long as decoding."""
        log_probs = arrays["log_probs"][rows]  # 0 behind the end
        if np.isnan(log_probs).any():
            raise NotFiniteError
        lengths = arrays["positions"][rows].tolist()
        generated = arrays["generated"][rows, 1:].tolist()
        shares = log_probs.tolist() if scored else [[0.0] * log_probs.shape[1]] * len(generated)
        return [
            Hypothesis(tuple(words[:length]), sum(own[:length]), tuple(own[:length]))
            for words, own, length in zip(generated, shares, lengths, strict=True)
        ]


@dataclass(frozen=True)
class DeviceGreedy(_Sequences):
    """Greedy search; the projection kernel itself appends the likeliest word."""

    width: int = 1

    def fields(self, places: int, steps: int) -> Fields:
        """The fields that it keeps on the device, beside those of every search."""
        return {"log_probs": ("float32", (places, steps))}

    def step(self, rows: StepRows) -> None:
        """Choose the next word of each row."""
        rows.project(log_probs=rows.tensors["log_probs"])


@dataclass(frozen=True)
class DeviceDrafting(_Sequences):
    """Greedy search with drafts from a table: those that are verified are kept."""

    width: int = 1 + _C.MOST_DRAFTS  # a reply's own row, and one for each draft
    group: int = 1 + _C.MOST_DRAFTS

    def fields(self, places: int, steps: int) -> Fields:
        """The fields that it keeps on the device, beside those of every search."""
        rows = places * self.width
        return {
            "log_probs": ("float32", (rows, steps)),
            "stages": ("int32", (rows,)),
            "failed": ("int32", (places,)),
        }

    def group_progress(self, tensors: Mapping[str, Tensor]) -> GroupProgress | None:
        """How far the rows of the drafts have come."""
        return GroupProgress(tensors["stages"], tensors["ticket"], tensors["failed"])

    def fill(
        self, arrays: Arrays, places: slice, options: GenerationConfig, seeds: Sequence[int]
    ) -> None:
        """Begin replies in these places, without drafts."""
        super().fill(arrays, places, options, seeds)
        arrays["stages"][rows_of(places, self.width)] = 0
        arrays["failed"][places] = 0

    def ended(self, arrays: Arrays) -> NDArray[np.bool_]:
        """Whether all replies of a place have ended; EngineError if a draft waited in vain."""
        if arrays["failed"].any():
            raise EngineError(
                "the rows of a reply's drafts waited for each other in vain; "
                "use speculation=False, and please report it"
            )
        return super().ended(arrays)

    def step(self, rows: StepRows) -> None:
        """Choose the next words of each row, with the kernel of csrc/search."""
        best, drafts = rows.project(), rows.drafts
        assert drafts is not None  # noqa: S101 - chosen where there are some
        hashes, draft_words, confidences = drafts
        state = DraftRows(
            **row_fields(rows.replies, best),
            kv_positions=rows.caches.kv_positions,
            log_probs=rows.tensors["log_probs"],
            hashes=hashes,
            draft_words=draft_words,
            confidences=confidences,
        )
        _C.draft_step(state, LEAST_CONFIDENCE, rows.stream)


@dataclass(frozen=True)
class DeviceSampling(_Sequences):
    """Sampling; sequence i of a request draws from stream 1 + i of its seed."""

    width: int

    def fields(self, places: int, steps: int) -> Fields:
        """The fields that it keeps on the device, beside those of every search."""
        rows = places * self.width
        return {
            "log_probs": ("float32", (rows, steps)),
            "options": ("float64", (rows, 4)),
            "seeds": ("int64", (rows,)),
            "streams": ("int32", (rows,)),
        }

    def fill(
        self, arrays: Arrays, places: slice, options: GenerationConfig, seeds: Sequence[int]
    ) -> None:
        """Begin replies in these places; each row gets its options, its seed and its stream."""
        super().fill(arrays, places, options, seeds)
        rows = rows_of(places, self.width)
        arrays["seeds"][rows] = np.array(seeds, np.uint64).view(np.int64).repeat(self.width)
        arrays["streams"][rows] = TOKEN_STREAM + np.tile(np.arange(self.width), len(seeds))
        top_k = min(options.top_k, 2**31)  # which keeps all
        arrays["options"][rows] = options.temperature, top_k, options.top_p, options.min_p

    def step(self, rows: StepRows) -> None:
        """Choose the next words of each row, with the kernel of csrc/search."""
        logits = rows.new_logits()
        best, t = rows.project(logits=logits), rows.tensors
        drawn = {name: t[name] for name in ("options", "seeds", "streams", "log_probs")}
        chosen = SampleRows(**row_fields(rows.replies, best), logits=logits, **drawn)
        _C.sample_step(chosen, rows.stream)
