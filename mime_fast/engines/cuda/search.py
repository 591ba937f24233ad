"""Searches whose state lies on the device: what each needs there, its step, and its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mime_fast import _C
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import TOKEN_STREAM, EngineError
from mime_fast.engines.cuda.memory import Fields
from mime_fast.engines.cuda.rows import (
    BEAM_FIELDS,
    BeamRows,
    DraftRows,
    RowView,
    SampleRows,
    row_fields,
)
from mime_fast.kernels.decode_step import Turns
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.text.special import EOS, SOS
from mime_fast.types import IntArray

# Product over the drafts of a reply. Lower than the native engine's: rows are cheap on a GPU.
LEAST_CONFIDENCE = 0.1
EARLY_STOPPING = False, True, "never"  # as numbered in csrc/search/early_stopping.h
MOST_DRAFTED = 8  # requests whose words are drafted: beyond, further rows are further work

Arrays = dict[str, NDArray[Any]]


def rows_of(places: slice, width: int) -> slice:
    """The rows of neighbouring places."""
    return slice(places.start * width, places.stop * width)


class _Sequences:
    """Rows that are independent of each other."""

    width: int  # rows of a request
    group = 1  # rows that follow each other, see kernels/decode_step.py
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

    def turns(self, tensors: Mapping[str, Tensor]) -> Turns | None:  # noqa: ARG002
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
        """In bulk: 256 replies, one after the other, would take as long as decoding them."""
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

    def step(self, rows: RowView) -> None:
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

    def turns(self, tensors: Mapping[str, Tensor]) -> Turns | None:
        """How far the rows of the drafts have come."""
        return Turns(tensors["stages"], tensors["ticket"], tensors["failed"])

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

    def step(self, rows: RowView) -> None:
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

    def step(self, rows: RowView) -> None:
        """Choose the next words of each row, with the kernel of csrc/search."""
        logits = rows.new_logits()
        best, t = rows.project(logits=logits), rows.tensors
        drawn = {name: t[name] for name in ("options", "seeds", "streams", "log_probs")}
        chosen = SampleRows(**row_fields(rows.replies, best), logits=logits, **drawn)
        _C.sample_step(chosen, rows.stream)


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

    def turns(self, tensors: Mapping[str, Tensor]) -> Turns | None:  # noqa: ARG002
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

    def step(self, rows: RowView) -> None:
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


DeviceSearch = DeviceGreedy | DeviceDrafting | DeviceSampling | DeviceBeams


class NotFiniteError(ValueError):
    """A logit was NaN or infinite."""

    def __init__(self) -> None:
        super().__init__(
            "logits must be finite or -inf, got NaN or +inf; the checkpoint's weights, or a "
            "repetition_penalty that is far from 1, are too large"
        )


def device_search(options: GenerationConfig, requests: int, *, drafts: bool) -> DeviceSearch | None:
    """The search of the options; None: the host searches.

    The host searches where beams are too wide for a device, and for stop strings and bad words.
    drafts: whether the checkpoint has a draft table.
    """
    if options.num_beams > _C.MOST_DEVICE_BEAMS or options.stop or options.bad_words:
        return None
    if options.num_beams > 1:
        return DeviceBeams(options.num_beams)
    if options.do_sample:
        return DeviceSampling(options.num_sequences)
    drafted = drafts and options.speculation and requests <= MOST_DRAFTED
    return DeviceDrafting() if drafted else DeviceGreedy()
