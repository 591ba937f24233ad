"""What systems are measured against: the examples, and what is worked out of them once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mime_fast.evaluation.metrics.bootstrap import Bootstrap
from mime_fast.evaluation.metrics.emotions import is_positive
from mime_fast.evaluation.metrics.polarity import sentiments
from mime_fast.text.examples import Example, conversations
from mime_fast.text.tokenizer import plain_tokenizer

if TYPE_CHECKING:
    from mime_fast.evaluation.metrics.right_context import Judge
    from mime_fast.minilm import SentenceEncoder


class Gold:
    """Labels, references and contexts of a set of examples, in its order.

    `encoder` is None where sentence vectors cannot be had; `why_no_encoder` then says why. `judge`
    is None where none is given.
    """

    def __init__(self, examples: Sequence[Example], judge: Judge | None = None) -> None:
        tokenize = plain_tokenizer().tokenize
        self.emotions = np.array([example.emotion for example in examples])
        self.positive = is_positive(self.emotions)
        self.references = [" ".join(tokenize(example.target)) for example in examples]
        self.targets = [example.target for example in examples]
        self.contexts = [example.context for example in examples]
        self.turns = [example.context[-1] for example in examples]
        self.turn_sentiments = sentiments(self.turns)
        self.conversations = np.array(conversations(examples))
        self.bootstrap = Bootstrap(self.conversations)
        self.judge = judge
        self.encoder, self.why_no_encoder = _sentence_encoder()

    def __len__(self) -> int:
        return len(self.turns)


def _sentence_encoder() -> tuple[SentenceEncoder | None, str]:
    try:
        from mime_fast.minilm import SentenceEncoder  # noqa: PLC0415 - it needs torch

        return SentenceEncoder(), ""
    except ModuleNotFoundError as error:
        return None, str(error)
