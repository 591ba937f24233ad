"""Arguments of the search kernels in csrc/search, and the view of a step that a search has."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray
from torch import Tensor

from mime_fast.kernels.project import Best
from mime_fast.kernels.replies import Replies

Arrays = dict[str, NDArray[Any]]  # the fields of a search on the host


def rows_of(places: slice, width: int) -> slice:
    """The rows of neighbouring places."""
    return slice(places.start * width, places.stop * width)


class StepRows(Protocol):
    """The rows of a batch between the decoder and the search of a step."""

    replies: Replies
    caches: Any  # of the system: kernels/row_caches.py
    tensors: dict[str, Tensor]  # of the search's own fields
    drafts: tuple[Tensor, Tensor, Tensor] | None  # the draft table: hashes, words, confidences

    @property
    def stream(self) -> int:
        """The handle of the CUDA stream that launches go to; 0 on the CPU."""

    def project(self, logits: Tensor | None = None, log_probs: Tensor | None = None) -> Best:
        """The best words of each row; see kernels/project.py."""

    def new_logits(self) -> Tensor:
        """An empty buffer for all logits of a step: (rows, vocabulary)."""


class SampleRows(NamedTuple):
    """What _C.sample_step reads and writes."""

    generated: Tensor  # as in Replies, and so on
    positions: Tensor
    limits: Tensor
    words: Tensor  # as in Best
    best_logits: Tensor
    log_partitions: Tensor
    logits: Tensor  # float32 (rows, vocabulary), constrained
    options: Tensor  # float64 (rows, 4): temperature, top_k, top_p, min_p
    seeds: Tensor  # int64 (rows,): the bits of the seed
    streams: Tensor  # int32 (rows,)
    log_probs: Tensor  # float32 (rows, steps)


class DraftRows(NamedTuple):
    """What _C.draft_step reads and writes; place p has the rows p * width and following."""

    generated: Tensor
    positions: Tensor
    limits: Tensor
    words: Tensor
    best_logits: Tensor
    log_partitions: Tensor
    kv_positions: Tensor  # as in Caches
    log_probs: Tensor  # float32 (rows, steps); of each place's first row
    hashes: Tensor  # the draft table, see csrc/search/draft_buckets.h
    draft_words: Tensor
    confidences: Tensor


class BeamRows(NamedTuple):
    """What _C.beam_step reads and writes; request r has the rows from r * width on."""

    generated: Tensor
    positions: Tensor
    limits: Tensor
    words: Tensor
    best_logits: Tensor
    log_partitions: Tensor
    kv_positions: Tensor  # as in Caches
    counts: Tensor  # int32 (requests, 3): live rows (0: over), nodes, finished
    nodes: Tensor  # int32 (rows,): of each live row's newest word
    totals: Tensor  # float64 (rows,): log-probability of each live row
    tree_parents: Tensor  # int32 (requests, 1 + 2 * width * steps); node 0 is the root
    tree_words: Tensor  # int32, likewise
    tree_log_probs: Tensor  # float64, likewise
    finished: Tensor  # int32 (requests, width): nodes, best first
    scores: Tensor  # float64 (requests, width)
    options: Tensor  # float64 (requests, 2): length_penalty; number of early_stopping


BEAM_FIELDS = BeamRows._fields[BeamRows._fields.index("counts") :]  # those of the search itself


def row_fields(replies: Replies, best: Best) -> dict[str, Tensor]:
    """The fields that the arguments of all three kernels begin with."""
    return {
        "generated": replies.generated,
        "positions": replies.positions,
        "limits": replies.limits,
        "words": best.words,
        "best_logits": best.logits,
        "log_partitions": best.log_partitions,
    }


class NotFiniteError(ValueError):
    """A logit was NaN or infinite."""

    def __init__(self) -> None:
        super().__init__(
            "logits must be finite or -inf, got NaN or +inf; the checkpoint's weights, or a "
            "repetition_penalty that is far from 1, are too large"
        )
