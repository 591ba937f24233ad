"""Draft tables: what a model tends to say next, made of its own replies.

The native engine drafts words with it and verifies several in one step; the replies are those of
plain decoding, sooner.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from mime_fast.config import AS_GENERATED, GenerationConfig
from mime_fast.files import write_whole
from mime_fast.generator import Generator
from mime_fast.read_message import Message
from mime_fast.text.tokenizer import EOS, SOS

CONTEXT = 4  # words, as in csrc/search/draft_table.h
NONE = -1
LEAST = 2  # times that a context must have been seen: others are chance
BATCH = 32

Table = dict[tuple[int, ...], Counter[int]]


def replies(generator: Generator, messages: Sequence[Message]) -> Iterator[tuple[int, ...]]:
    """The greedy reply of each message as ids, the end included; batch i has seed i."""
    longest = GenerationConfig.max_new_tokens
    for first in range(0, len(messages), BATCH):
        batch = messages[first : first + BATCH]
        greedy = GenerationConfig(seed=first // BATCH, **AS_GENERATED)
        for response in generator.respond_batch(batch, greedy):
            tokens = response.candidates[0].tokens
            yield tuple(tokens) if len(tokens) == longest else (*tokens, EOS)


def count(sequences: Iterable[tuple[int, ...]]) -> Table:
    """How often each word followed each context of one to four words."""
    table: Table = defaultdict(Counter)
    for tokens in sequences:
        words = (SOS, *tokens)
        for end in range(1, len(words)):
            for length in range(1, min(CONTEXT, end) + 1):
                table[words[end - length : end]][words[end]] += 1
    return table


def save_table(table: Table, path: Path) -> int:
    """Write what was seen more than once, atomically; returns the number of entries."""
    kept = {context: words for context, words in sorted(table.items()) if words.total() >= LEAST}
    best = [words.most_common(1)[0] for words in kept.values()]
    shares = [times / words.total() for (_, times), words in zip(best, kept.values(), strict=True)]
    content = save(
        {
            "contexts": _padded(kept),
            "words": np.array([word for word, _ in best], np.int32),
            "confidences": np.array(shares, np.float32),
        }
    )
    write_whole(path, content)
    return len(kept)


def _padded(contexts: Iterable[tuple[int, ...]]) -> NDArray[np.int32]:
    rows = [(*[NONE] * (CONTEXT - len(context)), *context) for context in contexts]
    return np.array(rows, np.int32).reshape(-1, CONTEXT)
