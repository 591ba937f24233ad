"""Constraints on logits, one rule at a time and together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.config import GenerationConfig
from mime_fast.text.special import EOS, NEVER_GENERATED
from mime_fast.types import FloatArray
from tests.oracle.constraints import Constraints

A, B, C, D = 7, 8, 9, 10
VOCABULARY = 11


def apply(
    prefix: tuple[int, ...],
    logits: FloatArray | None = None,
    bad_words: Sequence[tuple[int, ...]] = (),
    **options: Any,
) -> FloatArray:
    """One row of constrained logits (vocabulary,); before, they are 1 to 11."""
    if logits is None:
        logits = np.arange(1, VOCABULARY + 1, dtype=np.float32)
    constraints = Constraints(GenerationConfig(**options), bad_words=bad_words)
    rows = constraints.apply(logits[None], [prefix])
    row: FloatArray = rows[0]
    return row


def blocked(row: FloatArray) -> set[int]:
    """The words that must not follow, without the special ids."""
    return {int(index) for index in np.flatnonzero(np.isneginf(row))} - set(NEVER_GENERATED)


def test_special_ids_are_blocked_and_words_stay() -> None:
    row = apply((A,))
    assert np.isneginf(row[list(NEVER_GENERATED)]).all()
    kept = [EOS, A, B, C, D]
    assert row[kept].tolist() == [index + 1 for index in kept]


def test_every_special_id_but_the_end_of_the_reply_is_blocked() -> None:
    assert sorted({*NEVER_GENERATED, EOS}) == list(range(7))


def test_a_caller_may_unblock_the_special_ids() -> None:
    logits = np.ones((1, VOCABULARY), np.float32)
    constraints = Constraints(GenerationConfig(min_new_tokens=0), blocked=())
    np.testing.assert_array_equal(constraints.apply(logits, [()]), logits)


def test_the_input_is_not_changed() -> None:
    logits = np.ones((1, VOCABULARY), np.float32)
    Constraints(GenerationConfig(repetition_penalty=2.0)).apply(logits, [(A,)])
    assert (logits == 1).all()


@pytest.mark.parametrize(("least", "length"), [(0, 0), (1, 0), (1, 1), (3, 2), (3, 3), (3, 4)])
def test_a_reply_cannot_end_before_its_shortest_length(least: int, length: int) -> None:
    row = apply((A, B, C, D)[:length], min_new_tokens=least)
    assert np.isneginf(row[EOS]) == (length < least)


@pytest.mark.parametrize(
    ("size", "prefix", "expected"),
    [
        (0, (A, A, A), set()),
        (1, (), set()),
        (1, (A,), {A}),
        (1, (A, C, A), {A, C}),
        (2, (A,), set()),
        (2, (A, B, A), {B}),
        (2, (A, B, A, C, A), {B, C}),
        (2, (A, A), {A}),
        (3, (A, B, C, A, B), {C}),
        (3, (A, B, C, B), set()),
        (3, (A, A, A), {A}),
        (9, (A, B, A, B), set()),
    ],
)
def test_a_run_of_words_is_not_repeated(
    size: int, prefix: tuple[int, ...], expected: set[int]
) -> None:
    assert blocked(apply(prefix, no_repeat_ngram_size=size, min_new_tokens=0)) == expected


@given(prefix=st.lists(st.integers(A, D), max_size=12).map(tuple), size=st.integers(1, 4))
def test_blocked_words_are_those_that_would_repeat_a_run(
    prefix: tuple[int, ...], size: int
) -> None:
    def runs(words: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [words[i : i + size] for i in range(len(words) - size + 1)]

    repeats = {
        word
        for word in (A, B, C, D)
        if len(prefix) >= size and runs((*prefix, word))[-1] in runs(prefix)
    }
    assert blocked(apply(prefix, no_repeat_ngram_size=size, min_new_tokens=0)) == repeats


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ((), {B}),
        ((A,), {B, C}),  # A C
        ((A, C), {B}),
        ((D, A), {B, C, D}),  # and D A D
        ((A, A), {B, C}),
    ],
)
def test_bad_words_are_blocked_where_they_would_be_complete(
    prefix: tuple[int, ...], expected: set[int]
) -> None:
    bad_words = [(B,), (A, C), (D, A, D), (A, C)]
    assert blocked(apply(prefix, bad_words=bad_words, min_new_tokens=0)) == expected


def test_the_reply_ends_when_every_word_is_bad() -> None:
    row = apply((), bad_words=[(A,), (B,), (C,), (D,)], min_new_tokens=9)
    assert np.flatnonzero(np.isfinite(row)).tolist() == [EOS]


def test_repetition_makes_a_word_less_likely_whatever_its_sign() -> None:
    logits = np.zeros(VOCABULARY, np.float32)
    logits[[A, B, C]] = 4, -4, 4
    row = apply((A, B, A), logits, repetition_penalty=2.0)
    assert row[[A, B, C, D]].tolist() == [2, -8, 4, 0]  # once, however often it was generated


def test_a_penalty_below_one_makes_a_word_likelier() -> None:
    logits = np.full(VOCABULARY, 3, np.float32)
    assert apply((A,), logits, repetition_penalty=0.5)[A] == 6


def test_rows_have_their_own_prefix() -> None:
    logits = np.ones((3, VOCABULARY), np.float32)
    constraints = Constraints(GenerationConfig(no_repeat_ngram_size=1, min_new_tokens=2))
    rows = constraints.apply(logits, [(), (A,), (A, B)])
    assert [blocked(row) for row in rows] == [{EOS}, {EOS, A}, {A, B}]


@pytest.mark.parametrize("least", [1, 50])
def test_the_reply_ends_when_every_word_is_blocked(least: int) -> None:
    row = apply((A, B, C, D), no_repeat_ngram_size=1, min_new_tokens=least)
    assert np.flatnonzero(np.isfinite(row)).tolist() == [EOS]


def test_one_word_that_is_left_keeps_the_reply_going() -> None:
    row = apply((A, B, D), no_repeat_ngram_size=1, min_new_tokens=50)
    assert np.flatnonzero(np.isfinite(row)).tolist() == [C]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_logit_that_is_no_number_is_an_error(value: float) -> None:
    logits = np.ones(VOCABULARY, np.float32)
    logits[[B, EOS]] = value  # the end is blocked, and may be anything
    with pytest.raises(ValueError, match=rf"logits must be finite or -inf, got {value} at id {B}"):
        apply((), logits)
