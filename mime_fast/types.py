"""The nouns that everybody shares. No logic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Dialogue:
    """An encoded dialogue context: CLS, then the words of the turns that were kept."""

    tokens: list[int]  # (length,)
    speakers: list[int]  # (length,) CLS, then USR or SYS: the speaker's or the listener's word
    dropped_turns: int = 0  # whole turns, oldest first, that the position table has no room for
    dropped_words: int = 0  # words cut from the start of the only turn left
    last_turn: int = 0  # number of tokens of the last turn


@dataclass(frozen=True)
class Crisis:
    """A signal of a crisis in the speaker's turns; docs/safety.md lists the categories."""

    category: str  # a key of text.crisis.CATEGORIES
    about: str  # "self": the speaker; "other": somebody whom the speaker writes of
    turn: int  # index of the turn that it was found in; earlier turns count if the last has none


@dataclass(frozen=True)
class EmotionMixture:
    """What a reply is composed of, by emotion name.

    MIME: the response emotions that were sampled; each group sums to 1. MoEL: the weights of the
    listeners; they, and those of MIME without grouping, sum to 1 over both groups. Multi-TR: empty.
    """

    positive: dict[str, float]
    negative: dict[str, float]
    # "positive" or "negative", the group that follows the speaker; None: the system does not mimic.
    mimicked: str | None


FinishReason = Literal[
    "stop",  # the model ended the reply, or a stop string did
    "length",  # max_new_tokens were generated
    "crisis",  # the fixed reply to a crisis; nothing was generated
    "careful",  # a fixed reply, since what was generated is too cheerful or careless
]


@dataclass(frozen=True)
class TokenLogprob:
    """A token and its log-probability: the model's own, before penalties and temperature."""

    token: int
    word: str
    logprob: float


@dataclass(frozen=True)
class TokenLogprobs(TokenLogprob):
    """A generated token, and the likeliest tokens at its position, as many as `logprobs` says.

    They are of the whole vocabulary, with the special ids that are never generated.
    """

    top: list[TokenLogprob]  # best first, lowest id first on ties


@dataclass(frozen=True)
class Candidate:
    """One reply of an n-best list."""

    text: str  # cut before the first stop string
    tokens: list[int]  # all that were generated but end-of-reply, those of a stop string too
    score: float | None  # sum of log-probabilities / length ** length_penalty; None: not asked for
    finish_reason: FinishReason
    # One for each token, and for a generated end-of-reply; None: not asked for.
    logprobs: list[TokenLogprobs] | None


@dataclass(frozen=True)
class Timings:
    """Where the time of the call went, in milliseconds; tokens: of the first candidate.

    Replies of one batch have the same times, those of the batch.
    """

    encode_ms: float
    decode_ms: float
    tokens: int


@dataclass(frozen=True)
class Response:
    """A reply and what led to it."""

    text: str
    emotion: str  # the speaker's, recognised or forced
    polarity: str
    score: float | None
    seed: int  # repeats this reply exactly
    emotions: dict[str, float]  # 32 probabilities of the speaker's emotion
    mixture: EmotionMixture
    candidates: list[Candidate]  # beams: best first; samples: as drawn, or ranked
    timings: Timings
    prompt_tokens: int  # length of the context that the model read, with CLS
    dropped_turns: int  # how much of a long context was cut, see Dialogue
    dropped_words: int
    # Words of the last turn that the model read: "don't" is two, an emoji one, punctuation none.
    words: int
    # How many of these the vocabulary lacks. They are read as the token UNK; by mime-base as two or
    # more word pieces of at most 3 characters each.
    unknown_words: int
    finish_reason: FinishReason  # of the first candidate
    # None: no signal was found, which is no proof of safety; or none was looked for.
    crisis: Crisis | None


@dataclass(frozen=True)
class TokenEvent:
    """A piece of a streamed reply; the texts joined are exactly Response.text.

    Text that may become a stop string comes with a later event than its tokens, or never.
    """

    text: str
    tokens: list[int]
    score: float | None = None  # log-probability of the tokens (the last event: and of the end)
    final: bool = False
    response: Response | None = None  # with the final event
    finish_reason: FinishReason | None = None  # likewise
    logprobs: list[TokenLogprobs] | None = None  # of the tokens, as in Candidate
