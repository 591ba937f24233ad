"""The table of options: what a field of a config allows, and what its help says.

A config is a dataclass whose fields are made with `option(...)`. Type and default are the field's;
range, choices, help and group stand beside them. Validation (check_options), the command line
(mime_fast.cli.options) and its help read this table, so that an option is written down once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Container
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from types import NoneType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

KEY = "option"  # in the metadata of a field


class Interval(NamedTuple):
    """A range of numbers, written as in mathematics: "(0, 1]", "[0, 2**64)", "[1, inf)"."""

    text: str
    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Read the notation above; a bound is a number, a power of integers or inf."""
        low, _, high = text[1:-1].partition(",")
        return cls(text, _bound(low), _bound(high))

    def __contains__(self, value: Any) -> bool:
        above = value >= self.low if self.text[0] == "[" else value > self.low
        return bool(above and (value <= self.high if self.text[-1] == "]" else value < self.high))

    def describe(self) -> str:
        """The range in words: "in (0, 1]", "at least 0", "positive"."""
        if self.high != math.inf:
            return f"in {self.text}"
        return f"at least {self.low}" if self.text[0] == "[" else "positive"


def _bound(text: str) -> float:
    base, _, exponent = text.strip().partition("**")
    if exponent:
        power: int = int(base) ** int(exponent)
        return power
    return int(base) if base.removeprefix("-").isdigit() else float(base)


@dataclass(frozen=True)
class Option:
    """What is known of an option besides its name, type and default.

    Attributes:
        help: one line.
        group: the section of --help.
        within: the range of a number.
        choices: all values that are allowed.
        hint: what an error adds, such as the value that turns the option off.
        flags: names on the command line; none: made of the field's name.
        exposed: whether the command line has it.
        systems: the only architectures that have it; none: all do.
    """

    help: str = ""
    group: str = ""
    within: Interval | None = None
    choices: tuple[Any, ...] = ()
    hint: str = ""
    flags: tuple[str, ...] = ()
    exposed: bool = True
    systems: tuple[str, ...] = ()


def option(default: Any, help: str = "", *, within: str = "", **facts: Any) -> Any:  # noqa: A002
    """A dataclass field with its line of the table; facts: the other attributes of Option."""
    interval = Interval.parse(within) if within else None
    line = Option(help, within=interval, **facts)
    return dataclasses.field(default=default, metadata={KEY: line})


def with_default(config: type, name: str, default: Any) -> Any:
    """The field of an option that a config inherits, with another default."""
    return dataclasses.field(default=default, metadata={KEY: find_option(config, name)})


class Entry(NamedTuple):
    """A line of the table. `int | None` is kind int, optional; `tuple[str, ...]` str, repeated."""

    name: str
    kind: type
    optional: bool
    repeated: bool
    default: Any
    option: Option


@cache
def table(config: type) -> tuple[Entry, ...]:
    """The options of a dataclass, in their order; fields without one are left out."""
    types = get_type_hints(config)
    return tuple(
        _entry(field, types[field.name])
        for field in dataclasses.fields(config)
        if KEY in field.metadata
    )


def find_option(config: type, name: str) -> Option:
    """What the table says of the option of that name."""
    (found,) = (entry.option for entry in table(config) if entry.name == name)
    return found


def _entry(field: dataclasses.Field[Any], annotation: Any) -> Entry:
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType]
    repeated = get_origin(annotation) is tuple
    optional = NoneType in get_args(annotation)
    return Entry(
        name=field.name,
        kind=kinds[0],
        optional=optional,
        repeated=repeated,
        default=field.default,
        option=field.metadata[KEY],
    )


def check_options(config: object, names: Container[str] | None = None) -> None:
    """Check options of a config; ValueError names the option, what is right, and the value.

    names: of the options; None: all. Numbers of numpy become Python's, which JSON can write;
    strings become a tuple of them.
    """
    kind: Any = type(config)  # mypy finds no hash of type[object]
    for entry in table(kind):
        if names is not None and entry.name not in names:
            continue
        value = getattr(config, entry.name)
        checked = checked_value(entry, value)
        if checked is not value:
            object.__setattr__(config, entry.name, checked)


def checked_value(entry: Entry, value: Any) -> Any:
    """The value of one option, as check_options leaves it; ValueError: it is wrong by itself."""
    if entry.optional and value is None:
        return None
    return _strings(entry, value) if entry.repeated else _checked(entry, value)


def _checked(entry: Entry, value: Any) -> Any:
    kind, within = entry.kind, entry.option.within
    is_bool = isinstance(value, bool)
    if entry.option.choices:
        right = any(is_bool == isinstance(c, bool) and value == c for c in entry.option.choices)
    elif kind in NUMBERS:
        right = isinstance(value, NUMBERS[kind]) and not is_bool and (not within or value in within)
    else:
        right = isinstance(value, kind)
    if not right:
        hint = f"; {entry.option.hint}" if entry.option.hint else ""
        raise ValueError(f"{entry.name} must be {describe(entry)}, got {value!r}{hint}")
    if kind not in NUMBERS or type(value) in NUMBERS:
        return value
    return kind(value)


def _strings(entry: Entry, value: Any) -> tuple[str, ...]:
    """The value of an option that takes a string, several, or None for none."""
    strings = (value,) if isinstance(value, str) else () if value is None else value
    if not isinstance(strings, list | tuple) or not all(isinstance(each, str) for each in strings):
        raise ValueError(f"{entry.name} must be a string or a list of strings, got {value!r}")
    if "" in strings:
        raise ValueError(f"{entry.name} must hold no empty string, got {value!r}; () is none")
    return strings if isinstance(strings, tuple) else tuple(strings)


NUMBERS: dict[type, Any] = {int: Integral, float: Real}


def describe(entry: Entry) -> str:
    """What the value of an option must be, in words."""
    within, choices = entry.option.within, entry.option.choices
    if choices:
        return f"one of {', '.join(map(choice_text, choices))}"
    if entry.kind is int:
        if within is None:
            return "an integer"
        ends = f">= {within.low}" if within.high == math.inf else within.describe()
        return f"an integer {ends}"
    if entry.kind is float:
        return within.describe() if within else "a number"
    return "true or false" if entry.kind is bool else f"a {entry.kind.__name__}"


def choice_text(choice: Any) -> str:
    """A choice as the command line writes it: never, bf16, true."""
    return str(choice).lower() if isinstance(choice, bool) else str(choice)
