"""Intents: what a reply sets out to do, as clusters of the sentence vectors of replies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from mime_fast.minilm import SentenceEncoder
from mime_fast.training.state import digest, load_state, save_state

ROUNDS = 30
SMALLEST = 1e-9


def cluster(vectors: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Spherical k-means of unit vectors (replies, width).

    Returns the centres (count, width) and the label of each reply (replies,).

    Dhillon and Modha 2001; the first centres are drawn as by k-means++.
    """
    generator = torch.Generator().manual_seed(seed)
    centres = _first_centres(vectors, count, generator)
    for _ in range(ROUNDS):
        labels = assign(vectors, centres)
        sums = torch.zeros_like(centres).index_add(0, labels, vectors)
        empty = torch.bincount(labels, minlength=count) == 0
        centres = functional.normalize(torch.where(empty[:, None], centres, sums))
    return centres, assign(vectors, centres)


def assign(vectors: Tensor, centres: Tensor) -> Tensor:
    """The nearest centre of each vector, (replies,)."""
    return (vectors @ centres.T).argmax(-1)


def _first_centres(vectors: Tensor, count: int, generator: torch.Generator) -> Tensor:
    chosen = [int(torch.randint(len(vectors), (1,), generator=generator))]
    nearest = torch.full((len(vectors),), -1.0)
    for _ in range(count - 1):
        nearest = torch.maximum(nearest, vectors @ vectors[chosen[-1]])
        distance = (1 - nearest).clamp(min=SMALLEST)  # there may be fewer vectors than centres
        chosen.append(int(torch.multinomial(distance, 1, generator=generator)))
    return vectors[chosen].clone()


def intents_of(replies: Sequence[str], count: int, seed: int, kept: Path) -> Tensor:
    """The intent of each reply (replies,); written to a file, which is read the next time.

    Raises:
        ModuleNotFoundError: the package with the sentence vectors is missing.
    """
    of = digest(list(replies), count, seed)
    if kept.exists():
        groups, facts = load_state(kept)
        if facts.get("of") == of:
            return groups["intents"]["labels"]
    vectors = torch.from_numpy(SentenceEncoder().encode(replies))
    centres, labels = cluster(vectors, count, seed)
    save_state(kept, {"intents": {"centres": centres, "labels": labels}}, {"of": of})
    return labels
