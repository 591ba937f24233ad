"""Options of a reply as requests carry them, made of the fields of GenerationConfig."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import msgspec

from mime_fast.config import SAMPLING, GenerationConfig
from mime_fast.options import Entry, table

LOWEST_TEMPERATURE = 0.01  # below it a draw is as good as greedy, and logits overflow
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


def check_size(options: dict[str, Any], defaults: GenerationConfig, most: int) -> None:
    """ValueError where a request asks for more replies, samples or beams than the server gives."""
    for name in ("num_return_sequences", "num_beams", "mbr_samples", "best_of"):
        value = options.get(name, getattr(defaults, name))
        if isinstance(value, int) and value > most:
            raise ValueError(
                f"{name} must be at most {most} (the limit of this server), got {value}"
            )
