"""What the options say about words and text, as token ids: all that a search needs of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mime_fast import _C
from mime_fast.config import GenerationConfig
from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.special import UNK


@dataclass(frozen=True)
class TextRules:
    """The rules that need a vocabulary."""

    bad_words: tuple[tuple[int, ...], ...] = ()  # never generated; none is empty
    # Whether a reply ends with its newest token, which is not end-of-reply; called once a token. A
    # _C.TextStop is called without the GIL.
    stop: Callable[[Sequence[int]], bool] | None = None


def text_rules(options: GenerationConfig, tokenizer: ReplyTokenizer) -> TextRules:
    """The rules that the options ask for.

    A bad word that the vocabulary lacks is left out: it is never generated.
    """
    encoded = dict.fromkeys(
        tuple(ids) for words in options.bad_words for ids in tokenizer.spellings(words)
    )
    bad_words = tuple(ids for ids in encoded if ids and UNK not in ids)
    stop = _C.TextStop(tokenizer.reply_words, options.stop) if options.stop else None
    return TextRules(bad_words, stop)
