"""Text in and out: words, ids and natural text; imports no torch."""

from mime_fast.text.detokenizer import Detokenizer
from mime_fast.text.tokenizer import Tokenizer, learn_words

__all__ = ["Detokenizer", "Tokenizer", "learn_words"]
