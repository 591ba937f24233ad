"""Reading the tokenizer.json of a checkpoint of any system."""

from __future__ import annotations

import json
from pathlib import Path

from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.subword_tokenizer import KIND, SubwordTokenizer
from mime_fast.text.tokenizer import Tokenizer, malformed, read_tokenizer


def load_tokenizer(path: Path) -> ReplyTokenizer:
    """Read a tokenizer.json; ValueError names the file and what is wrong with it."""
    text = read_tokenizer(path)
    try:
        document = json.loads(text)
        if isinstance(document, dict) and document.get("kind") == KIND:
            return SubwordTokenizer.from_document(document)
    except (ValueError, RecursionError) as error:
        raise ValueError(malformed(path, str(error))) from error
    return Tokenizer.from_json(text, source=path)
