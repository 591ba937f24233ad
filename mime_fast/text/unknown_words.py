"""How many words of a turn are in the vocabulary."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.special import UNK


def count_words(tokenizer: ReplyTokenizer, turn: str, ids: Sequence[int]) -> tuple[int, int]:
    """Number of words among `ids`, the last tokens of `turn`, and how many of them are unknown.

    Punctuation is no word: without this rule a foreign sentence would be known by its period. Nor
    is the token that ends a turn.
    """
    own = ids[: len(ids) - len(tokenizer.turn_end)]
    if UNK not in own:  # 9 of 10 messages: no second tokenisation
        return sum(_is_word(tokenizer.context_word(index)) for index in own), 0
    tokens = tokenizer.tokenize(turn)
    kept = tokens[len(tokens) - len(own) :]
    known = [index != UNK for index, token in zip(own, kept, strict=True) if _is_word(token)]
    return len(known), known.count(False)


@lru_cache(maxsize=32_768)  # a vocabulary
def _is_word(token: str) -> bool:
    """Whether it holds a letter, a digit or an emoji (Cn: one that is newer than Python)."""
    return token.isalnum() or any(
        category[0] in "LN" or category in {"So", "Cn"}
        for category in map(unicodedata.category, token)
    )
