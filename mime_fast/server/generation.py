"""Options of a reply as requests carry them, made of the fields of GenerationConfig."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, cast, get_type_hints

import msgspec

from mime_fast import _C
from mime_fast.config import SAMPLING, GenerationConfig
from mime_fast.options import Entry, Interval, find_option, table
from mime_fast.server.options import ServerOptions

MOST_LOGPROBS = 20  # likeliest words that are listed at each word, as OpenAI has it
MOST_TEXTS, MOST_CHARACTERS = 64, 10_000  # of `stop`, and of `bad_words`
# Below it a draw is as good as greedy.
LOWEST_TEMPERATURE = cast("Interval", find_option(GenerationConfig, "temperature").within).low
SEQUENCES = ("num_return_sequences", "num_beams", "mbr_samples", "best_of")
HINTS = get_type_hints(GenerationConfig)
NAMES = tuple(field.name for field in fields(GenerationConfig))
DEFAULTS = {field.name: field.default for field in fields(GenerationConfig)}


def _field(entry: Entry, hint: Any) -> tuple[str, Any, None]:
    """A field of requests; null is as good as leaving it out. GenerationConfig checks the value."""
    if entry.repeated:
        hint = entry.kind | list[entry.kind]  # type: ignore[name-defined]
    meta = msgspec.Meta(description=entry.option.help, extra_json_schema=_facts(entry))
    return entry.name, Annotated[hint | None, meta], None


def _facts(entry: Entry) -> dict[str, Any]:
    """What the description of the interface says of an option, from which the page is made too."""
    facts: dict[str, Any] = {"x-default": entry.default, "x-group": entry.option.group}
    if entry.option.choices:
        facts["enum"] = [*entry.option.choices, None]
    if (within := entry.option.within) is not None:
        facts["minimum" if within.text[0] == "[" else "exclusiveMinimum"] = within.low
        if within.high != math.inf:
            facts["maximum" if within.text[-1] == "]" else "exclusiveMaximum"] = within.high
    return facts


if TYPE_CHECKING:

    class GenerationFields(msgspec.Struct, kw_only=True):
        """A base of requests: every option of GenerationConfig, None where it is not given."""
else:
    GenerationFields = msgspec.defstruct(
        "GenerationFields",
        [_field(entry, HINTS[entry.name]) for entry in table(GenerationConfig)],
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


def given_options(request: Any) -> dict[str, Any]:
    """The options that a request carries, by their names in GenerationConfig."""
    return {name: value for name in NAMES if (value := getattr(request, name)) is not None}


def choose_decoding(options: dict[str, Any], defaults: GenerationConfig) -> None:
    """Sample or not, as OpenAI's clients mean it: `temperature: 0` is greedy, others sample.

    A request that gives none of the options of sampling is answered with the server's defaults.
    """
    temperature = options.get("temperature")
    if temperature is not None and 0 <= temperature < LOWEST_TEMPERATURE:
        options |= {name: DEFAULTS[name] for name in SAMPLING} | {"do_sample": False}
    elif "do_sample" not in options and "num_beams" not in options:
        draws = temperature is not None or any(
            options.get(name, DEFAULTS[name]) != DEFAULTS[name] for name in SAMPLING
        )
        most = defaults.ranked_samples or defaults.num_beams
        several = options.get("num_return_sequences", 1) > most
        if several or (draws and not defaults.do_sample):
            options |= {"do_sample": True, "num_beams": 1}


def allowed_options(
    given: dict[str, Any], defaults: GenerationConfig, limits: ServerOptions
) -> GenerationConfig:
    """The options of a reply; ValueError where they ask for more than the server gives.

    Numbers are checked before texts, of which each costs time.
    """
    for name in SEQUENCES:
        _check_number(name, given.get(name, getattr(defaults, name)), limits.max_sequences)
    _check_number("logprobs", given.get("logprobs", defaults.logprobs), MOST_LOGPROBS)
    for name in ("stop", "bad_words"):
        _check_texts(name, given.get(name, getattr(defaults, name)))
    options = defaults.overridden(given)
    _check_tokens(options, limits.max_request_tokens)
    return options


def affordable_tokens(
    given: dict[str, Any], defaults: GenerationConfig, limits: ServerOptions
) -> int:
    """How many tokens each reply of such a request may have at most.

    Only numbers of sequences are looked at; allowed_options says what is wrong with them.
    """
    numbers = {name: given[name] for name in ("do_sample", *SEQUENCES) if name in given}
    try:
        sequences = _C.DecodingSession.rows_of(defaults.overridden(numbers))
    except (ValueError, TypeError):
        sequences = 1
    return max(1, limits.max_request_tokens // sequences)


def _check_number(name: str, value: Any, most: int) -> None:
    if isinstance(value, int) and value > most:
        raise ValueError(f"{name} must be at most {most} (the limit of this server), got {value}")


def _check_texts(name: str, texts: Any) -> None:
    """Each is compared with the reply at each step: many would stall everybody."""
    listed = [texts] if isinstance(texts, str) else texts
    if len(listed) > MOST_TEXTS:
        raise ValueError(
            f"{name} must hold at most {MOST_TEXTS} texts (the limit of this server), "
            f"got {len(listed)}"
        )
    if (length := sum(map(len, listed))) > MOST_CHARACTERS:
        raise ValueError(
            f"{name} must hold at most {MOST_CHARACTERS} characters in all (the limit of this "
            f"server), got {length}"
        )


def _check_tokens(options: GenerationConfig, most: int) -> None:
    """Others wait while a large request runs: its time grows with this product."""
    sequences = _C.DecodingSession.rows_of(options)
    tokens = sequences * options.max_new_tokens
    if tokens > most:
        raise ValueError(
            f"max_new_tokens must be at most {most // sequences} for {sequences} replies, samples "
            f"or beams ({most} tokens of a request, the limit of this server), "
            f"got {options.max_new_tokens}; ask for fewer or shorter replies"
        )
