"""The events of a reply that is being made."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Self

from mime_fast.engines.base import Unpicklable
from mime_fast.logprobs import TokenScorer
from mime_fast.request import Request
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.text.special import EOS
from mime_fast.text.stop import ReplyText
from mime_fast.types import TokenEvent, TokenLogprobs


class Stream(Unpicklable, Iterator[TokenEvent]):
    """What Generator.stream returns: an iterator; close() gives the reply up."""

    def __init__(self, events: Generator[TokenEvent, None, None]) -> None:
        self._events = events

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> TokenEvent:
        return next(self._events)

    def close(self) -> None:
        """End here: what the reply needed is free, and no event follows."""
        self._events.close()


class Pieces:
    """The events of the only message of a request, while its reply is decoded."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._text = ReplyText(request.tokenizer, request.options.stop)
        self._scorer: TokenScorer | None = None
        self._logprobs: list[TokenLogprobs] | None = None  # of the tokens that were sent
        if request.options.logprobs is not None:
            self._logprobs = []
        self._sent = 0  # tokens

    def agreed(self) -> TokenEvent | None:
        """The tokens that became certain with the newest step; None: there are none."""
        tokens = self._request.agreed()
        end = len(tokens) - (tokens[-1:] == (EOS,))  # the end belongs to the last event
        if end <= self._sent:
            return None
        return self._event(self._request.decoding.leader(0), end)

    def last(self) -> TokenEvent:
        """The final event, once the reply is complete."""
        request = self._request
        found, _ = request.replies(0) if request.generated else ([], 0)
        if not found:
            return self._fixed()
        last = self._event(found[0], len(found[0].tokens))
        (response,) = request.responses(self._logprobs)
        return replace(
            last,
            text=last.text + self._text.finish(),
            final=True,
            response=response,
            finish_reason=response.finish_reason,
        )

    def _fixed(self) -> TokenEvent:
        """The final event of a reply that was not generated."""
        (response,) = self._request.responses()
        text, reason = response.text, response.finish_reason
        return TokenEvent(text, [], final=True, response=response, finish_reason=reason)

    def _event(self, hypothesis: Hypothesis, end: int) -> TokenEvent:
        """The tokens of the hypothesis from where the last event ended."""
        new = slice(self._sent, end)
        self._sent = end
        tokens = [token for token in hypothesis.tokens[new] if token != EOS]
        score = sum(hypothesis.log_probs[new]) if self._request.options.needs_scores else None
        logprobs = self._score(hypothesis.tokens[new])
        return TokenEvent(self._text.push(tokens), tokens, score, logprobs=logprobs)

    def _score(self, tokens: Sequence[int]) -> list[TokenLogprobs] | None:
        request, count = self._request, self._request.options.logprobs
        if self._logprobs is None or count is None:
            return None
        if self._scorer is None:
            self._scorer = TokenScorer(
                request.engine, request.tokenizer, request.encoded, [0], count
            )
        step = self._scorer.step
        scored = request.clock(lambda: [each for token in tokens for each in step([token])])
        self._logprobs += scored
        return scored
