"""What becomes of the hypotheses of a request: their order, their texts, and which are left out."""

from __future__ import annotations

from itertools import islice

from mime_fast.config import GenerationConfig, require
from mime_fast.profiling import profile_range
from mime_fast.relevance import RelevanceTable
from mime_fast.search.consensus import by_consensus, length_bonus
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.text.grave.finder import Gravity, suits
from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.special import EOS
from mime_fast.text.stop import ReplyText
from mime_fast.types import Candidate, Dialogue, TokenLogprobs


class ReplyChoice:
    """Chooses among what was decoded, by the options of a call."""

    def __init__(
        self,
        tokenizer: ReplyTokenizer,
        options: GenerationConfig,
        relevance: RelevanceTable | None,
    ) -> None:
        """relevance: the checkpoint's table, which best_of needs; ValueError: it is missing."""
        require(
            not options.best_of or relevance is not None,
            f"best_of={options.best_of} needs a relevance table, which the checkpoint lacks; "
            "make it: mime-fast relevance; or use mbr_samples",
        )
        self._tokenizer, self._options = tokenizer, options
        self._relevance = relevance
        # By the tokens of a reply: its text, and whether a stop string ended it.
        self._texts: dict[tuple[int, ...], tuple[str, bool]] = {}

    def choose(
        self, found: list[Hypothesis], dialogue: Dialogue, gravity: Gravity, *, is_careful: bool
    ) -> tuple[list[Hypothesis], int]:
        """The replies to a dialogue, in the order of Response.candidates.

        gravity: that of the message. is_careful: whether replies must suit it. And for how many
        candidates none is left.
        """
        if self._options.ranked_samples:
            with profile_range("consensus"):
                found = self._ranked(found, dialogue)
        wanted = min(self._options.num_return_sequences, len(found))
        if not is_careful:
            return found[:wanted], 0
        suitable = (reply for reply in found if suits(self._text(reply)[0], gravity))
        kept = list(islice(suitable, wanted))  # no more texts are read than it takes
        return kept, wanted - len(kept)

    def candidate(self, reply: Hypothesis, logprobs: list[TokenLogprobs] | None) -> Candidate:
        """What the caller gets of a reply."""
        text, stopped = self._text(reply)
        ended = reply.tokens[-1:] == (EOS,) or stopped
        score = reply.score(self._options.length_penalty) if self._options.needs_scores else None
        return Candidate(
            text=text,
            tokens=[token for token in reply.tokens if token != EOS],
            score=score,
            finish_reason="stop" if ended else "length",
            logprobs=logprobs,
        )

    def _ranked(self, samples: list[Hypothesis], dialogue: Dialogue) -> list[Hypothesis]:
        """Samples by consensus; with best_of also by relevance to the last turn, and length."""
        if self._relevance is None:
            return by_consensus(samples)
        turn = dialogue.tokens[-dialogue.last_turn :]
        replies = [self._tokenizer.as_context(sample.tokens) for sample in samples]
        relevance = self._relevance.similarities(replies, turn)
        return by_consensus(samples, relevance + length_bonus([each.tokens for each in samples]))

    def _text(self, reply: Hypothesis) -> tuple[str, bool]:
        """The text of a reply, and whether a stop string ended it."""
        if reply.tokens not in self._texts:
            text = ReplyText(self._tokenizer, self._options.stop)
            with profile_range("text.decode"):
                whole = text.push(token for token in reply.tokens if token != EOS) + text.finish()
            self._texts[reply.tokens] = whole, text.stopped
        return self._texts[reply.tokens]
