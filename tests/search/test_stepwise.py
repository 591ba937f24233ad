"""The loop over steps: several searches in one batch."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.engines.stepwise import decode
from mime_fast.search import Search

Table = Callable[..., Any]
CONTEXT: Any = None  # the table reads no dialogue

NewSearch = Callable[..., Search]

OPTIONS: list[dict[str, Any]] = [
    {},
    {"num_beams": 3, "num_return_sequences": 2},
    {"do_sample": True, "num_return_sequences": 3},
    {"num_beams": 4, "early_stopping": False, "length_penalty": 0.3},
    {"do_sample": True, "top_k": 2},
    {"max_new_tokens": 1},
]


def run(engine: Any, searches: list[Search]) -> int:
    """Returns the number of steps."""
    return len(list(decode(engine, CONTEXT, searches)))


def make(new_search: NewSearch, number: int) -> Search:
    return new_search(number, **{"max_new_tokens": 9, **OPTIONS[number]})


@given(chosen=st.lists(st.integers(0, len(OPTIONS) - 1), min_size=1, max_size=6))
def test_every_search_ends_as_it_would_alone(
    table_model: Table, new_search: NewSearch, chosen: list[int]
) -> None:
    searches = [make(new_search, number) for number in chosen]
    run(table_model(eos_bias=1.0), searches)
    for dialogue, (number, search) in enumerate(zip(chosen, searches, strict=True)):
        alone = make(new_search, number)
        run(table_model(dialogue, eos_bias=1.0), [alone])
        assert search.results() == alone.results()


def test_rows_that_end_leave_the_batch(table_model: Table, new_search: NewSearch) -> None:
    model = table_model(eos_bias=-1e9)
    lengths = (2, 5, 3)
    steps = run(model, [new_search(max_new_tokens=length) for length in lengths])
    assert steps == 5
    assert model.rows_seen == [3, 3, 2, 1, 1]


def test_a_beam_grows_from_one_row(table_model: Table, new_search: NewSearch) -> None:
    model = table_model(words=5, eos_bias=-1e9)
    run(model, [new_search(num_beams=4, max_new_tokens=3)])
    assert model.rows_seen == [1, 4, 4]


def test_it_yields_after_each_step(table_model: Table, new_search: NewSearch) -> None:
    search = new_search(max_new_tokens=4)
    steps = decode(table_model(eos_bias=-1e9), CONTEXT, [search])
    for length in range(1, 5):
        next(steps)
        assert len(search.agreed()) == length
    with pytest.raises(StopIteration):
        next(steps)
