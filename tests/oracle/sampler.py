"""The slow twin of mime_fast._C.Sampler, with its signatures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mime_fast.config import GenerationConfig
from mime_fast.engines.base import TOKEN_STREAM
from mime_fast.search.hypothesis import Hypothesis, log_softmax
from mime_fast.search.rules import TextRules
from mime_fast.text.special import EOS, NEVER_GENERATED
from mime_fast.types import FloatArray, IntArray
from tests.oracle import sampling
from tests.oracle.constraints import Constraints


class Sampler:
    """One request's greedy or sampled replies, in the order they were drawn."""

    def __init__(
        self,
        config: GenerationConfig,
        seed: int,
        *,
        blocked: Sequence[int] = NEVER_GENERATED,
        rules: TextRules | None = None,
    ) -> None:
        self.options, self.rules = config, rules or TextRules()
        self.constraints = Constraints(config, blocked, self.rules.bad_words)
        self.hypotheses = [Hypothesis()] * config.num_sequences
        self.live = list(range(config.num_sequences))
        self._steps = 0
        if config.do_sample:
            self._uniforms = np.stack(
                [
                    sampling.philox_uniform(seed, TOKEN_STREAM + i, 0, config.max_new_tokens)
                    for i in self.live
                ]
            )

    @property
    def rows(self) -> int:
        """How many rows the next step decodes."""
        return len(self.live)

    def advance(self, logits: FloatArray) -> tuple[list[int], list[int]]:
        """Choose each row's next token; returns the rows that stay and their tokens."""
        prefixes = [self.hypotheses[i].tokens for i in self.live]
        logits = self.constraints.apply(logits, prefixes)
        chosen = self._choose(logits)
        log_probs = np.zeros(len(chosen))
        if self.options.needs_scores:
            log_probs = log_softmax(logits)[np.arange(len(chosen)), chosen]
        self._steps += 1
        parents, tokens, live = [], [], []
        for row, (index, token) in enumerate(zip(self.live, chosen.tolist(), strict=True)):
            self.hypotheses[index] = self.hypotheses[index].extend(token, float(log_probs[row]))
            if not self._ends(self.hypotheses[index].tokens):
                parents.append(row)
                tokens.append(token)
                live.append(index)
        self.live = live
        return parents, tokens

    def _ends(self, tokens: tuple[int, ...]) -> bool:
        if tokens[-1] == EOS or self._steps == self.options.max_new_tokens:
            return True
        return self.rules.stop is not None and self.rules.stop(tokens)

    def _choose(self, logits: FloatArray) -> IntArray:
        if not self.options.do_sample:
            best: IntArray = logits.argmax(-1)  # the lowest id on ties
            return best
        options = self.options
        return sampling.select_tokens(
            logits,
            np.ascontiguousarray(self._uniforms[self.live, self._steps]),
            options.temperature,
            min(options.top_k, logits.shape[-1]),
            options.top_p,
            options.min_p,
        )

    @property
    def leader(self) -> Hypothesis:
        """The first sequence: the one that is streamed."""
        return self.hypotheses[0]

    def agreed(self) -> tuple[int, ...]:
        """Tokens of the first sequence, which are all final."""
        return self.leader.tokens

    def results(self) -> list[Hypothesis]:
        """The sequences in the order they were drawn."""
        return self.hypotheses
