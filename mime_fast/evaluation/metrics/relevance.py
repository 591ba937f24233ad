"""Relevance of a reply to what it answers: the similarity of their sentence vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mime_fast.evaluation.metrics.bootstrap import Array

if TYPE_CHECKING:
    from mime_fast.minilm import SentenceEncoder


def relevance(encoder: SentenceEncoder, replies: Sequence[str], turns: Sequence[str]) -> Array:
    """Cosine of the vectors of each reply and of the speaker's last turn (examples,), in [-1, 1].

    The last turn and not the whole context, because that also holds the listener's own replies: to
    repeat them would be rewarded.
    """
    vectors = encoder.encode([*replies, *turns])
    own, answered = vectors[: len(replies)], vectors[len(replies) :]
    return np.einsum("ed,ed->e", own, answered).astype(np.float64)
