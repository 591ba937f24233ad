"""The slow twin of mime_fast._C.BeamSearch, with its signatures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mime_fast.config import GenerationConfig
from mime_fast.search.hypothesis import Hypothesis, log_softmax
from mime_fast.search.rules import TextRules
from mime_fast.text.special import EOS, NEVER_GENERATED
from mime_fast.types import FloatArray
from tests.oracle.constraints import Constraints


class BeamSearch:
    """One request's beam. A hypothesis that ends is set aside; the others fill the beam.

    freeze=False is the released code's search, a test's reference. There a hypothesis that ended
    continues, and the search is over when the best one's newest token is end-of-reply.
    """

    def __init__(
        self,
        config: GenerationConfig,
        *,
        freeze: bool = True,
        blocked: Sequence[int] = NEVER_GENERATED,
        rules: TextRules | None = None,
    ) -> None:
        self.options, self.rules = config, rules or TextRules()
        self.constraints = Constraints(config, blocked, self.rules.bad_words)
        self.freeze = freeze
        self.live = [Hypothesis()]
        self.finished: list[Hypothesis] = []  # best first
        self._steps = 0

    @property
    def rows(self) -> int:
        """How many rows the next step decodes."""
        return len(self.live)

    def advance(self, logits: FloatArray) -> tuple[list[int], list[int]]:
        """Choose the next beam; returns each new row's parent row and token."""
        logits = self.constraints.apply(logits, [h.tokens for h in self.live])
        width = self.options.num_beams
        # Each parent reaches end-of-reply at most once, so 2 * width continuations hold width that
        # go on; with stop strings they may hold fewer.
        ids = np.argsort(-logits, axis=-1, kind="stable")[:, : 2 * width]
        log_probs = np.take_along_axis(log_softmax(logits), ids, -1)
        totals = np.array([[h.log_prob] for h in self.live]) + log_probs
        ranking = np.argsort(-totals, axis=None, kind="stable")[: 2 * width]
        parents: list[int] = []
        live: list[Hypothesis] = []
        for rank, index in enumerate(ranking.tolist()):
            parent, place = divmod(index, ids.shape[-1])
            if totals[parent, place] == -np.inf or len(live) == width:
                break
            token = int(ids[parent, place])
            hypothesis = self.live[parent].extend(token, float(log_probs[parent, place]))
            if self.freeze and self._ends(hypothesis.tokens):
                if rank < width:
                    self._finish(hypothesis)
                continue
            parents.append(parent)
            live.append(hypothesis)
        self.live = live
        self._steps += 1
        if self._is_over():
            self._close()
            return [], []
        return parents, [h.tokens[-1] for h in live]

    def _ends(self, tokens: tuple[int, ...]) -> bool:
        if tokens[-1] == EOS:
            return True
        return self.rules.stop is not None and self.rules.stop(tokens)

    def _finish(self, hypothesis: Hypothesis) -> None:
        self.finished.append(hypothesis)
        self.finished.sort(key=self._score, reverse=True)  # stable: the earlier one on ties
        del self.finished[self.options.num_beams :]

    def _score(self, hypothesis: Hypothesis) -> float:
        return hypothesis.score(self.options.length_penalty)

    def _is_over(self) -> bool:
        if not self.live or self._steps >= self.options.max_new_tokens:
            return True
        if not self.freeze:
            return self.live[0].tokens[-1] == EOS
        if len(self.finished) < self.options.num_beams:
            return False
        if self.options.early_stopping is True:
            return True
        return max(map(self._expected, self.live)) <= self._score(self.finished[-1])

    def _expected(self, hypothesis: Hypothesis) -> float:
        """What a live hypothesis is compared with the finished ones by."""
        if self.options.early_stopping == "never" or self.options.length_penalty <= 0:
            return self._attainable(hypothesis)
        return self._score(hypothesis)

    def _attainable(self, hypothesis: Hypothesis) -> float:
        """The best score a hypothesis can still reach: more words never add log-probability."""
        longest = self.options.max_new_tokens
        length = longest if self.options.length_penalty > 0 else len(hypothesis.tokens) + 1
        attainable: float = hypothesis.log_prob / length**self.options.length_penalty
        return attainable

    def _close(self) -> None:
        """The live hypotheses that ran out of steps compete with the finished ones."""
        if self._steps >= self.options.max_new_tokens or not self.freeze:
            for hypothesis in self.live:
                self._finish(hypothesis)
        self.live = []

    def agreed(self) -> tuple[int, ...]:
        """What every hypothesis that can still become the best one starts with."""
        return common_prefix([h.tokens for h in self._contenders()])

    @property
    def leader(self) -> Hypothesis:
        """One of the hypotheses that can still become the best one."""
        return self._contenders()[0]

    def _contenders(self) -> list[Hypothesis]:
        best = self.finished[:1]
        bar = self._score(best[0]) if best else -np.inf
        return best + [h for h in self.live if self._attainable(h) >= bar]

    def results(self) -> list[Hypothesis]:
        """The n best, best first."""
        return self.finished[: self.options.num_return_sequences]


def common_prefix(sequences: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The longest prefix that all share."""
    shortest, longest = min(sequences), max(sequences)  # the extremes of the order differ first
    for index, token in enumerate(shortest):
        if token != longest[index]:
            return shortest[:index]
    return shortest
