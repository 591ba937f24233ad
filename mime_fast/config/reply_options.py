"""The table of the options of a reply: type, default, range, choices, help and group of each."""

from __future__ import annotations

from dataclasses import dataclass

from mime_fast.config.base import Config
from mime_fast.emotions import EMOTIONS
from mime_fast.options import option


@dataclass(frozen=True)
class ReplyOptions(Config):
    """Each option by itself; GenerationConfig checks which go together."""

    max_new_tokens: int = option(
        50,
        "Longest reply, in words.",
        within="[1, inf)",
        group="Length",
        hint="every reply has a limit, at most the checkpoint's max_positions",
    )
    min_new_tokens: int = option(
        1, "Shortest reply, in words.", within="[0, inf)", group="Length", hint="0 is off"
    )
    stop: tuple[str, ...] = option(
        (), "End the reply before this text; repeat the option.", group="Length"
    )
    num_beams: int = option(
        1,
        "Beam width; 1: greedy.",
        within="[1, 1000]",
        flags=("--num-beams", "-b"),
        group="Beam search",
        hint="1 is no beam",
    )
    length_penalty: float = option(
        1.0,
        "Scores are divided by length to this power; 0: the plain sum.",
        within="[-10, 10]",
        group="Beam search",
        hint="0 is off",
    )
    early_stopping: bool | str = option(
        True,
        "Stop when num_beams replies have ended, or look for better ones.",
        choices=(True, False, "never"),
        group="Beam search",
    )
    do_sample: bool = option(
        False,
        "Sample instead of greedy.",
        flags=("--sample/--no-sample", "-s"),
        group="Sampling",
    )
    temperature: float = option(
        1.0,
        "Below 1: safer; above 1: bolder. With --sample.",
        within="[0.01, 100]",
        group="Sampling",
        hint="1 is off; for greedy decoding use do_sample=False (no --sample)",
    )
    top_k: int = option(
        0,
        "Sample among the k likeliest words; 0: all.",
        within="[0, inf)",
        group="Sampling",
        hint="0 is off",
    )
    top_p: float = option(
        1.0,
        "Sample among the words that hold this probability.",
        within="(0, 1]",
        group="Sampling",
        hint="1 is off",
    )
    min_p: float = option(
        0.0,
        "Drop words below this share of the likeliest.",
        within="[0, 1]",
        group="Sampling",
        hint="0 is off",
    )
    repetition_penalty: float = option(
        1.0,
        "Above 1: repeat fewer words.",
        within="[0.01, 100]",
        group="Repetition",
        hint="1 is off",
    )
    no_repeat_ngram_size: int = option(
        0,
        "Never repeat a run of this many words; 0: off.",
        within="[0, inf)",
        group="Repetition",
        hint="0 is off",
    )
    bad_words: tuple[str, ...] = option(
        (), "Never use this word, or words in this order; repeat the option.", group="Repetition"
    )
    num_return_sequences: int = option(
        1,
        "How many replies.",
        within="[1, 10000]",
        flags=("--num-return-sequences", "-n"),
        group="Replies",
        hint="1 is one reply",
    )
    # Drawn, and ranked by what they agree on (minimum Bayes risk).
    mbr_samples: int = option(
        0,
        "Sample so many replies and take what they agree on, e.g. 16; 0: off.",
        within="[0, 1000]",
        group="Sampling",
        hint="0 is off",
    )
    # Drawn, and ranked by what they agree on and by how relevant they are to the last turn.
    best_of: int = option(
        0,
        "Sample so many replies and take the one that is most like all and closest to the last "
        "turn, e.g. 8; 0: off.",
        within="[0, 1000]",
        group="Sampling",
        hint="0 is off",
    )
    return_scores: bool = option(
        False, "Compute log-probabilities.", flags=("--return-scores",), group="Replies"
    )
    logprobs: int | None = option(
        None,
        "Show so many of the likeliest words, with their log-probabilities, at each word (--json).",
        within="[0, inf)",
        group="Replies",
        hint="None is off, and a number above the vocabulary's size lists all",
    )
    speculation: bool = option(
        True, "Verify drafts of greedy replies: the same words in fewer steps.", group="Replies"
    )
    # None: one is drawn and reported in the Response.
    seed: int | None = option(
        None,
        "Repeats a reply exactly; default: a new one.",
        within="[0, 2**64)",
        group="Replies",
        hint="None draws one",
    )
    stochastic_emotion: bool = option(
        True,
        "Sample the response emotions, or take their means.",
        flags=("--stochastic-emotion/--mean-emotion",),
        group="Emotion",
    )
    emotion: str | None = option(
        None,
        "Force the speaker's emotion, e.g. sad.",
        choices=tuple(sorted(EMOTIONS)),
        group="Emotion",
        hint="None is the emotion that the model recognises",
    )
    on_crisis: str = option(
        "reply",
        "Where the speaker's turns show a crisis: reply with a fixed text, flag it, or off.",
        choices=("reply", "flag", "off"),
        group="Crisis",
    )
    crisis_reply: str | None = option(
        None,
        "The fixed text to reply with; default: one of ours that fits the category.",
        group="Crisis",
        hint="None is the text of mime_fast",
    )

    avoid_cheer: bool = option(
        True,
        "Give no cheerful reply where the speaker may not feel good, no careless one to a death.",
        group="Crisis",
    )
