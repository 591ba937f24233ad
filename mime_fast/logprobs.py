"""Log-probabilities of generated tokens: the model's own, before penalties and temperature.

A reply's tokens are fed to the engine once more, one step a token. Engine.step computes all logits,
in float32 where the search screens them in int8: 2 ms a token on one core, if it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mime_fast import _C
from mime_fast.engines.base import EncoderBatch, Engine
from mime_fast.search.hypothesis import log_softmax
from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.special import SOS
from mime_fast.types import IntArray, TokenLogprob, TokenLogprobs

ROWS = 32  # decoded together: their logits are 3 MB


class TokenScorer:
    """Rows of replies, each one step further at a time.

    rows: the dialogue of each row. count: how many of the likeliest tokens are listed.
    """

    def __init__(
        self,
        engine: Engine,
        tokenizer: ReplyTokenizer,
        encoded: EncoderBatch,
        rows: Sequence[int],
        count: int,
    ) -> None:
        self._engine, self._tokenizer = engine, tokenizer
        self._count = min(count, engine.config.vocab_size)
        self._state = engine.start(encoded, rows)
        self._newest = np.full(len(rows), SOS, np.int64)

    def step(self, tokens: Sequence[int]) -> list[TokenLogprobs]:
        """Return log-probabilities of each row's next token."""
        logits = self._engine.step(self._state, self._newest)
        self._newest = np.array(tokens, np.int64)
        log_probs = log_softmax(logits)
        best: IntArray = np.zeros((len(tokens), 0), np.int64)
        if self._count:
            _, best = _C.top_k(logits, self._count)
        found = []
        for row, token, ids in zip(log_probs, tokens, best.tolist(), strict=True):
            top = [self._named(index, row[index]) for index in ids]
            chosen = self._named(token, row[token])
            found.append(TokenLogprobs(chosen.token, chosen.word, chosen.logprob, top))
        return found

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only."""
        kept = np.array(rows, np.int64)
        self._state, self._newest = self._engine.select(self._state, kept), self._newest[kept]

    def _named(self, token: int, log_prob: float) -> TokenLogprob:
        return TokenLogprob(token, self._tokenizer.text_of(token), float(log_prob))


def score_replies(
    engine: Engine,
    tokenizer: ReplyTokenizer,
    encoded: EncoderBatch,
    index: int,
    replies: Sequence[Sequence[int]],
    count: int,
) -> list[list[TokenLogprobs]]:
    """Log-probabilities of each token of each reply to dialogue `index`."""
    found: list[list[TokenLogprobs]] = []
    for first in range(0, len(replies), ROWS):
        group = replies[first : first + ROWS]
        scorer = TokenScorer(engine, tokenizer, encoded, [index] * len(group), count)
        found += _score_together(scorer, group)
    return found


def _score_together(
    scorer: TokenScorer, replies: Sequence[Sequence[int]]
) -> list[list[TokenLogprobs]]:
    found: list[list[TokenLogprobs]] = [[] for _ in replies]
    live = list(range(len(replies)))
    for step in range(max(map(len, replies))):
        going = [row for row, reply in enumerate(live) if len(replies[reply]) > step]
        if len(going) < len(live):
            scorer.keep(going)
            live = [live[row] for row in going]
        for reply, scored in zip(live, scorer.step([replies[r][step] for r in live]), strict=True):
            found[reply].append(scored)
    return found
