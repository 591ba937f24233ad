"""Relevance tables: the vector of each word of a context, the longer the rarer the word is.

Replies of `best_of` are ranked by how close their vectors are to those of the speaker's last turn.
A table is relevance.safetensors in a checkpoint; `mime-fast relevance` makes it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from mime_fast.files import write_whole
from mime_fast.quantized import SCALE, dequantize, quantize
from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.special import SPECIAL_WORDS
from mime_fast.types import FloatArray

WIDTH = 64  # of a vector; 32, 64, 128 and 384 rank replies alike
VECTORS = "vectors"
SMALLEST = 1e-9


class RelevanceTable:
    """The vectors of a context's ids, (ids, width) float32."""

    def __init__(self, vectors: FloatArray) -> None:
        self.vectors = vectors

    @classmethod
    def load(cls, path: Path, ids: int) -> Self:
        """Read a table of so many ids; ValueError: it is of another checkpoint, or damaged."""
        try:
            stored = load_file(path)
            vectors = dequantize(stored[VECTORS], stored[VECTORS + SCALE])
        except (SafetensorError, KeyError, ValueError, IndexError, TypeError) as error:
            raise ValueError(
                f"{path} is no relevance table ({error!r:.80}); make it: mime-fast relevance"
            ) from error
        if vectors.ndim != 2 or len(vectors) != ids or not np.isfinite(vectors).all():
            raise ValueError(
                f"{path} has vectors of shape {vectors.shape}, and the checkpoint {ids} ids; "
                "make it: mime-fast relevance"
            )
        return cls(vectors)

    def similarities(
        self, replies: Sequence[Sequence[int]], turn: Sequence[int]
    ) -> NDArray[np.float64]:
        """Cosines (replies,) of the summed vectors of each reply and of the turn.

        Replies and turn are ids of a context.
        """
        target = self._sum(turn)
        sums = [self._sum(reply) for reply in replies]
        lengths = [np.linalg.norm(each) * np.linalg.norm(target) + SMALLEST for each in sums]
        return np.array([each @ target for each in sums]) / np.array(lengths)

    def _sum(self, ids: Sequence[int]) -> NDArray[np.float64]:
        return self.vectors[np.asarray(ids, np.int64)].sum(0, dtype=np.float64)


def make_table(tokenizer: ReplyTokenizer, vectors: FloatArray, texts: Iterable[str]) -> FloatArray:
    """Vectors (ids, any width) -> (ids, WIDTH): centred, projected, times the words' rarity.

    The rarity of a word is the logarithm of the number of texts for one that holds it (inverse
    document frequency); special ids have none.
    """
    seen: Counter[int] = Counter()
    total = 0
    for text in texts:
        total += 1
        seen.update(set(tokenizer.encode(text)))
    counts = np.array([seen[index] for index in range(len(vectors))])
    centred = vectors - vectors.mean(0)
    frequent = centred[counts > 0]
    _, _, components = np.linalg.svd(frequent, full_matrices=False)
    projected = centred @ components[:WIDTH].T
    rarity = math.log(total + 1) - np.log(counts + 1)
    rarity[: len(SPECIAL_WORDS)] = 0
    weighted: FloatArray = (projected * rarity[:, None]).astype(np.float32)
    return weighted


def save_table(table: FloatArray, path: Path) -> None:
    """Write a table atomically."""
    write_whole(path, stored_table(table))


def stored_table(table: FloatArray) -> bytes:
    """The file of a table: int8 and a scale for each id."""
    values, scale = quantize(table)
    return save({VECTORS: values, VECTORS + SCALE: scale})
