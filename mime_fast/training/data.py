"""What training makes of the examples: a vocabulary, softer labels, shuffled batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mime_fast.config import ModelConfig
from mime_fast.likelihood.pairs import Pair, encode_pairs, length, slices
from mime_fast.likelihood.perplexity import count_unknown_types
from mime_fast.options import find_option
from mime_fast.text.examples import Example, load_parts
from mime_fast.text.tokenizer import SPECIAL_WORDS, Tokenizer, learn_words
from mime_fast.training.batches import bucketed
from mime_fast.training.config import TrainingConfig
from mime_fast.training.state import digest
from mime_fast.training.teacher import load_teacher


@dataclass(frozen=True)
class TrainingData:
    """The pairs of a run, and what follows from them: its words and the shape of its model."""

    tokenizer: Tokenizer
    model_config: ModelConfig
    pairs: list[Pair]  # with the teacher's labels, if there is one
    validation_pairs: list[Pair]
    unknown_types: int  # different words of the validation replies that the model lacks
    digest: str  # of words and pairs, before a teacher softens them
    teacher: str  # "none", or the digest of its labels


def load_data(
    data: Path, config: TrainingConfig, model_options: dict[str, Any], teacher: Path | None
) -> TrainingData:
    """Read the examples, learn a vocabulary of them, and encode them.

    Raises:
        FileNotFoundError, ValueError: data or teacher are missing, or do not fit.
    """
    examples, validation = load_parts(data)
    taught = None if teacher is None else load_teacher(teacher, examples)
    tokenizer = Tokenizer.from_words(learn_vocabulary(examples, config.min_count))
    model_config = ModelConfig.from_dict(
        {"vocab_size": tokenizer.vocab_size, "tie_embeddings": True, **model_options}
    )
    pairs = encode_pairs(tokenizer, examples, model_config.max_positions)
    validation_pairs = encode_pairs(tokenizer, validation, model_config.max_positions)
    words = (word for e in validation for word in tokenizer.tokenize(e.target))
    return TrainingData(
        tokenizer=tokenizer,
        model_config=model_config,
        pairs=pairs if taught is None else soften(pairs, taught, config.teacher_share),
        validation_pairs=validation_pairs,
        unknown_types=count_unknown_types(words, set(tokenizer.words)),
        digest=digest(tokenizer.words, pairs, validation_pairs),
        teacher="none" if taught is None else f"digest {digest(taught.tolist())}",
    )


def learn_vocabulary(examples: Iterable[Example], min_count: int) -> list[str]:
    """The words of a new model; ValueError: min_count leaves too few or too many."""
    texts: dict[str, None] = {}  # each once: later contexts repeat a conversation's earlier turns
    for example in examples:
        texts.update(dict.fromkeys([*example.context, example.target]))
    words = learn_words(texts, min_count)
    sizes = find_option(ModelConfig, "vocab_size").within
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
