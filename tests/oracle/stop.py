"""When a reply is over: the slow twin of _C.TextStop."""

from collections.abc import Sequence

from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.stop import find_stop


def is_stopped(tokenizer: ReplyTokenizer, tokens: Sequence[int], stop: Sequence[str]) -> bool:
    """Whether the text of these tokens contains a stop string; text that waits is not read."""
    detokenizer = tokenizer.detokenizer()
    text = "".join(detokenizer.push(tokenizer.word(token)) for token in tokens)
    return find_stop(text, stop) >= 0
