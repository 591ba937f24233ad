"""The table of options: ranges, choices and kinds, and that every config is described in full."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from mime_fast.cli.shared import EngineOptions
from mime_fast.config import GenerationConfig, ModelConfig
from mime_fast.options import Interval, check_options, option, table
from mime_fast.training.config import LossWeights, TrainingConfig

CONFIGS = (GenerationConfig, ModelConfig, TrainingConfig, LossWeights, EngineOptions)


@dataclass(frozen=True)
class Sample:
    """A field of each kind."""

    share: float = option(0.5, "A share.", within="(0, 1]")
    count: int = option(1, "A count.", within="[1, inf)")
    limit: int | None = option(None, "A limit.", within="[0, 2**64)")
    mode: bool | str = option(default=True, help="A mode.", choices=(True, False, "never"))
    off: int = option(0, "A number.", within="[0, inf)", hint="0 is off")
    words: tuple[str, ...] = option((), "Words.")
    other: int = 3

    def __post_init__(self) -> None:
        check_options(self)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("(0, 1]", [1, 5e-324, 0.5], [0, 0.0, 1.0001, -1]),
        ("[0, 1)", [0, 0.0, 1 - 2**-53], [1, -0.1]),
        ("[0, 2**64)", [0, 2**64 - 1], [2**64, -1]),
        ("[1, inf)", [1, 10**400], [0, math.inf]),
        ("[-10, 0.5]", [-10, 0.5], [-10.1, 0.6, math.nan]),
    ],
)
def test_an_interval_is_read_as_it_is_written(
    text: str, inside: list[float], outside: list[float]
) -> None:
    interval = Interval.parse(text)
    assert [value for value in inside if value not in interval] == []
    assert [value for value in outside if value in interval] == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"share": 0}, r"share must be in \(0, 1\], got 0"),
        ({"share": "1"}, r"share must be in \(0, 1\], got '1'"),
        ({"count": 0}, "count must be an integer >= 1, got 0"),
        ({"count": True}, "count must be an integer >= 1, got True"),
        ({"limit": 2**64}, r"limit must be an integer in \[0, 2\*\*64\), got 18446744073709551616"),
        ({"mode": "always"}, "mode must be one of true, false, never, got 'always'"),
        ({"mode": 1}, "mode must be one of true, false, never, got 1"),
        ({"off": -1}, "off must be an integer >= 0, got -1; 0 is off"),
        ({"words": 5}, "words must be a string or a list of strings, got 5"),
        ({"words": ["a", None]}, r"words must be a string or a list .*, got \['a', None\]"),
        ({"words": ""}, "words must hold no empty string, got ''; \\(\\) is none"),
        ({"words": ["a", ""]}, r"words must hold no empty string, got \['a', ''\]; \(\) is none"),
    ],
)
def test_a_wrong_value_is_an_error_that_says_what_is_right(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Sample(**values)


def test_numbers_of_numpy_become_pythons() -> None:
    sample = Sample(share=np.float32(0.5), count=np.int64(2))  # type: ignore[arg-type]
    assert (type(sample.share), type(sample.count)) == (float, int)


@pytest.mark.parametrize(
    ("value", "kept"),
    [("a", ("a",)), (["a", " "], ("a", " ")), (("a",), ("a",)), (None, ()), ([], ()), ((), ())],
)
def test_strings_become_a_tuple(value: Any, kept: tuple[str, ...]) -> None:
    assert Sample(words=value).words == kept


def test_the_table_has_the_kinds_of_the_annotations() -> None:
    found = {e.name: (e.kind, e.optional, e.repeated, e.default) for e in table(Sample)}
    assert found == {
        "share": (float, False, False, 0.5),
        "count": (int, False, False, 1),
        "limit": (int, True, False, None),
        "mode": (bool, False, False, True),
        "off": (int, False, False, 0),
        "words": (str, False, True, ()),
    }


@pytest.mark.parametrize("config", CONFIGS)
def test_every_option_has_a_line_of_help(config: type) -> None:
    entries = table(config)
    assert [e.name for e in entries if not e.option.help.endswith(".")] == []
    assert [e.name for e in entries if e.option.exposed and not e.option.group] == []
    fields = {field.name for field in dataclasses.fields(config)} - {"weights"}
    assert {entry.name for entry in entries} == fields


@pytest.mark.parametrize("config", [GenerationConfig, TrainingConfig, LossWeights])
def test_every_number_of_replies_and_training_has_a_range(config: type) -> None:
    assert [e.name for e in table(config) if e.kind in (int, float) and not e.option.within] == []
