"""What counts as an error of a reply, or of what a system expected or recognised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

import numpy as np
from numpy.typing import NDArray

from mime_fast.evaluation.metrics.bootstrap import Array
from mime_fast.text.special import SPECIAL_WORDS, UNK

ENDS = frozenset(".!?")
RUN = 3  # words of a run that must not come twice
SURPRISING = 0.1  # share of the examples whose references cost most


@dataclass(frozen=True)
class Flaw:
    """A flaw of a reply: its name, what it is, and whether the words of a reply have it."""

    name: str
    meaning: str
    found: Callable[[Sequence[str]], bool]


def sentences(words: Sequence[str]) -> list[tuple[str, ...]]:
    """The words of each sentence, its end mark left out; what has no word is none."""
    found: list[list[str]] = [[]]
    for word in words:
        if ENDS.issuperset(word):
            found.append([])
        else:
            found[-1].append(word)
    return [tuple(sentence) for sentence in found if sentence]


def repeats_sentence(words: Sequence[str]) -> bool:
    """Whether two sentences are the same."""
    found = sentences(words)
    return len(set(found)) < len(found)


def repeats_run(words: Sequence[str]) -> bool:
    """Whether RUN words come twice within sentences, each different one taken once."""
    runs = [
        sentence[start : start + RUN]
        for sentence in dict.fromkeys(sentences(words))
        for start in range(len(sentence) - RUN + 1)
    ]
    return len(set(runs)) < len(runs)


def stutters(words: Sequence[str]) -> bool:
    """Whether a word follows itself; punctuation may."""
    return any(
        word == following and any(map(str.isalnum, word)) for word, following in pairwise(words)
    )


def is_unfinished(words: Sequence[str]) -> bool:
    """Whether no end of a sentence follows the last word with a letter or a digit."""
    behind = list(takewhile(lambda word: not any(map(str.isalnum, word)), reversed(words)))
    return bool(words) and not any(map(ENDS.issuperset, behind))


FLAWS = (
    Flaw("repeats a sentence", "two sentences of the reply are the same", repeats_sentence),
    Flaw(
        "repeats a run",
        f"{RUN} words in a row come twice; a sentence that is repeated counts once",
        repeats_run,
    ),
    Flaw("stutters", "a word follows itself (punctuation may)", stutters),
    Flaw("is unfinished", "no . ! or ? follows the last word", is_unfinished),
    Flaw(
        "unknown word",
        f"the reply says {SPECIAL_WORDS[UNK]} in place of a word",
        lambda words: SPECIAL_WORDS[UNK].lower() in {word.lower() for word in words},
    ),
    Flaw("is empty", "the reply has no word", lambda words: not words),
)


def flawed(replies: Sequence[str]) -> dict[str, list[int]]:
    """The indices of the replies that have each flaw; words are compared in lower case."""
    words = [reply.lower().split() for reply in replies]
    return {
        flaw.name: [index for index, reply in enumerate(words) if flaw.found(reply)]
        for flaw in FLAWS
    }


def most_surprising(costs: Array, tokens: Array) -> NDArray[np.bool_]:
    """The tenth of the examples (at least one) whose references cost most a token (examples,)."""
    count = max(1, round(SURPRISING * len(costs)))
    chosen = np.zeros(len(costs), np.bool_)
    chosen[np.argsort(-(costs / tokens), kind="stable")[:count]] = True
    return chosen


def single_words(references: Sequence[str]) -> Array:
    """How many words of each reference no other reference of the set has (examples,)."""
    words = [set(reference.lower().split()) for reference in references]
    spread = Counter(word for reference in words for word in reference)
    return np.array([sum(spread[word] == 1 for word in reference) for reference in words], float)


def confusions(counts: NDArray[np.int64], top: int) -> list[tuple[int, int, int]]:
    """The most frequent (label, recognised, times) of a confusion (labels, recognised)."""
    wrong = counts * ~np.eye(len(counts), dtype=np.bool_)
    order = np.argsort(-wrong, axis=None, kind="stable")[:top]
    rows, columns = np.unravel_index(order, wrong.shape)
    found = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column, int(wrong[row, column])) for row, column in found if wrong[row, column]]
