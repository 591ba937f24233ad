"""GenerationConfig: the options of a reply, which go together; the table is ReplyOptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mime_fast.config.base import require
from mime_fast.config.reply_options import ReplyOptions

# Options that stay at their defaults where nothing is sampled.
SAMPLING = ("temperature", "top_k", "top_p", "min_p", "mbr_samples", "best_of")
SEARCH = ("do_sample", "num_beams")  # options that choose how a reply is searched for
# With these every reply is what the model generates, whatever the message is.
AS_GENERATED: dict[str, Any] = {"on_crisis": "off", "avoid_cheer": False}
# How the bundled checkpoints answer. Of several samples the most fitting is taken: it is about the
# last turn more often than the likeliest reply is.
BEST_OF_SAMPLES: dict[str, Any] = {
    "do_sample": True,
    "temperature": 0.4,
    "best_of": 4,
    "no_repeat_ngram_size": 4,
}
SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class GenerationConfig(ReplyOptions):
    """How a reply is chosen. Names and meanings follow transformers, vLLM and CTranslate2."""

    def _check_combinations(self) -> None:
        self._check_crisis_reply()
        require(
            self.min_new_tokens <= self.max_new_tokens,
            f"min_new_tokens ({self.min_new_tokens}) must not exceed "
            f"max_new_tokens ({self.max_new_tokens})",
        )
        require(
            not (self.do_sample and self.num_beams > 1),
            f"do_sample does not go with num_beams={self.num_beams}; use one of the two",
        )
        self._check_strings()
        if not self.do_sample:
            for name in SAMPLING:
                value, default = getattr(self, name), getattr(GenerationConfig, name)
                require(value == default, f"{name}={value} needs do_sample=True (--sample)")
            require(
                self.num_return_sequences <= self.num_beams,
                f"num_return_sequences={self.num_return_sequences} needs do_sample=True "
                f"or num_beams >= {self.num_return_sequences}",
            )
        require(
            not (self.mbr_samples and self.best_of),
            f"mbr_samples={self.mbr_samples} does not go with best_of={self.best_of}; "
            "use one of the two",
        )
        for name in ("mbr_samples", "best_of"):
            samples = getattr(self, name)
            require(
                not samples or self.num_return_sequences <= samples,
                f"num_return_sequences ({self.num_return_sequences}) must not exceed "
                f"{name} ({samples})",
            )

    def _check_strings(self) -> None:
        if not (self.bad_words or self.stop or self.crisis_reply is not None):
            return
        from mime_fast.text.characters import is_visible  # noqa: PLC0415 - 40 ms that --help does without
        from mime_fast.text.message import holds_word  # noqa: PLC0415 - likewise

        for words in self.bad_words:
            require(
                holds_word(words),
                f"bad_words must hold words, got {words!a}, which holds none; leave it out",
            )
        for text in self.stop:
            require(
                is_visible(text),
                f"stop must hold text, got {text!a}, which is invisible; leave it out",
            )

        if self.crisis_reply is not None:
            require(
                is_visible(self.crisis_reply) and holds_word(self.crisis_reply),
                f"crisis_reply must hold a text, got {self.crisis_reply!a:.60}; None is ours",
            )
        self._check_unicode()

    def _check_unicode(self) -> None:
        """Refuse surrogates: they are no text, and no answer that holds one could be sent."""
        crisis_reply = () if self.crisis_reply is None else (self.crisis_reply,)
        options = {"bad_words": self.bad_words, "stop": self.stop, "crisis_reply": crisis_reply}
        for name, texts in options.items():
            for text in texts:
                require(
                    not SURROGATE.search(text),
                    f"{name} must be valid Unicode, got {text!a:.60}, which holds a surrogate; "
                    "leave it out",
                )

    def _check_crisis_reply(self) -> None:
        require(
            self.crisis_reply is None or self.on_crisis == "reply",
            f"crisis_reply needs on_crisis='reply', got on_crisis={self.on_crisis!r}",
        )

    def overridden(self, given: Mapping[str, Any]) -> GenerationConfig:
        """These defaults, with the options that a call gives in their place.

        A call that gives do_sample or num_beams chooses its search itself: it gets none of these
        defaults' options of sampling and beams. One that gives mbr_samples gets no best_of.
        """
        dropped: tuple[str, ...] = ()
        if not given.keys().isdisjoint(SEARCH):
            dropped = SEARCH + SAMPLING
        elif given.get("mbr_samples"):
            dropped = ("best_of",)
        elif given.get("best_of"):
            dropped = ("mbr_samples",)
        usual = {name: getattr(GenerationConfig, name) for name in dropped}
        return self.replace(**{**usual, **given})

    @property
    def num_sequences(self) -> int:
        """How many a request decodes without a beam; more than it returns where they are ranked."""
        return self.ranked_samples or self.num_return_sequences

    @property
    def ranked_samples(self) -> int:
        """How many samples are drawn to be ranked; 0: none are."""
        return self.mbr_samples or self.best_of

    @property
    def needs_scores(self) -> bool:
        """Log-probabilities cost a pass over the vocabulary; only these callers pay for them."""
        return self.return_scores or self.num_return_sequences > 1 or self.num_beams > 1
