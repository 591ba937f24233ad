"""What training makes of the examples: a vocabulary, softer labels, shuffled batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from mime_fast.config import ModelConfig
from mime_fast.likelihood.pairs import Pair, length, slices
from mime_fast.options import table
from mime_fast.text.examples import Example
from mime_fast.text.tokenizer import SPECIAL_WORDS, learn_words
from mime_fast.training.batches import bucketed


def learn_vocabulary(examples: Iterable[Example], min_count: int) -> list[str]:
    """The words of a new model; ValueError: min_count leaves too few or too many."""
    texts: dict[str, None] = {}  # each once: later contexts repeat a conversation's earlier turns
    for example in examples:
        texts.update(dict.fromkeys([*example.context, example.target]))
    words = learn_words(texts, min_count)
    (sizes,) = (line.option.within for line in table(ModelConfig) if line.name == "vocab_size")
    size = len(SPECIAL_WORDS) + len(words)
    if sizes and size not in sizes:
        raise ValueError(
            f"min_count={min_count} (--min-count) leaves {len(words)} words of the data; with the "
            f"{len(SPECIAL_WORDS)} special ones there must be a number {sizes.describe()}; "
            f"{'raise' if words else 'lower'} it"
        )
    return words


def soften(pairs: Sequence[Pair], probabilities: Tensor, share: float) -> list[Pair]:
    """The same pairs with softer labels: a teacher's probabilities (pairs, 32) are a share of them.

    The rest is the label's. Hinton et al., arXiv 1503.02531, at temperature 1.
    """
    labels = torch.tensor([pair.soft_label for pair in pairs])
    softer = share * probabilities + (1 - share) * labels
    return [pair._replace(soft_label=row) for pair, row in zip(pairs, softer.tolist(), strict=True)]


def shuffled_batches(pairs: Sequence[Pair], size: int, seed: int) -> list[list[Pair]]:
    """One epoch in an order given by the seed: batches of similar context length, shuffled."""
    return bucketed(pairs, size, length, lambda few: slices(few, size), seed)
