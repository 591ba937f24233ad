"""Beam search: against all replies there are, against a slow twin, and what it says is agreed."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast import _C
from mime_fast.config import GenerationConfig
from mime_fast.engines.stepwise import decode
from mime_fast.search import Search
from mime_fast.search.hypothesis import Hypothesis, log_softmax
from mime_fast.text.tokenizer import EOS
from tests.examples import examples
from tests.oracle.beam import BeamSearch, common_prefix
from tests.oracle.constraints import Constraints

Table = Callable[..., Any]
CONTEXT: Any = None  # the table reads no dialogue

NewSearch = Callable[..., Any]

CONSTRAINED: list[dict[str, Any]] = [
    {},
    {"length_penalty": 0.0},
    {"length_penalty": 2.0},
    {"length_penalty": -1.0},
    {"early_stopping": False, "length_penalty": 0.5},
    {"early_stopping": "never", "length_penalty": 0.5},
    {"early_stopping": "never", "length_penalty": -0.5},
    {"min_new_tokens": 3},
    {"min_new_tokens": 0},
    {"min_new_tokens": 4, "max_new_tokens": 4},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2, "early_stopping": False},
    {"repetition_penalty": 1.7},
    {"repetition_penalty": 0.6},
]
EMPTY = Hypothesis()
TWINS = ["native", "numpy"]
OPTIONS = st.fixed_dictionaries(
    {"num_beams": st.integers(2, 5), "max_new_tokens": st.integers(1, 7)},
    optional={
        "min_new_tokens": st.integers(0, 1),
        "length_penalty": st.sampled_from([0.0, 0.3, 0.6, 1.0, 2.0, -1.0]) | st.floats(-10, 10),
        "early_stopping": st.sampled_from([True, False, "never"]),
        "repetition_penalty": st.sampled_from([1.0, 1.5, 0.7, 100.0]),
        "no_repeat_ngram_size": st.integers(0, 3),
    },
)
MODELS = st.fixed_dictionaries(
    {"seed": st.integers(0, 10**6), "words": st.integers(1, 6)},
    optional={
        "spread": st.sampled_from([0.0, 0.5, 2.0, 8.0]),
        "eos_bias": st.sampled_from([-5.0, 0.0, 2.0, 5.0]),
    },
)


def run(model: Any, search: Search) -> list[Hypothesis]:
    for _ in decode(model, CONTEXT, [search]):
        pass
    return search.results()


def next_words(model: Any, options: GenerationConfig, prefix: tuple[int, ...]) -> Any:
    """(vocabulary,) log-probabilities, -inf where a word is blocked."""
    return log_softmax(Constraints(options).apply(model.logits(prefix)[None], [prefix]))[0]


def all_replies(
    model: Any, options: GenerationConfig, reply: Hypothesis = EMPTY
) -> Iterator[Hypothesis]:
    if len(reply.tokens) == options.max_new_tokens or reply.tokens[-1:] == (EOS,):
        yield reply
        return
    log_probs = next_words(model, options, reply.tokens)
    for token in np.flatnonzero(np.isfinite(log_probs)).tolist():
        yield from all_replies(model, options, reply.extend(token, float(log_probs[token])))


def best_first(replies: list[Hypothesis], options: GenerationConfig) -> list[Hypothesis]:
    return sorted(replies, key=lambda reply: -reply.score(options.length_penalty))


def is_enough(
    live: list[Hypothesis], finished: list[Hypothesis], options: GenerationConfig
) -> bool:
    """The rule of transformers: early_stopping=False scores live replies as if they ended now."""
    if options.early_stopping is True:
        return True
    if options.early_stopping == "never" or options.length_penalty <= 0:
        return False
    best = max((reply.score(options.length_penalty) for reply in live), default=-np.inf)
    return best <= finished[options.num_beams - 1].score(options.length_penalty)


def slow_beam(model: Any, options: GenerationConfig) -> list[Hypothesis]:
    """Plain loops; where no better reply can come it goes on to the longest length all the same."""
    width = options.num_beams
    live, finished = [EMPTY], list[Hypothesis]()
    for _ in range(options.max_new_tokens):
        if len(finished) >= width and is_enough(live, best_first(finished, options), options):
            return best_first(finished, options)
        candidates: list[Hypothesis] = []
        for reply in live:
            totals = next_words(model, options, reply.tokens) + reply.log_prob
            candidates += [
                Hypothesis((*reply.tokens, token), float(totals[token]))
                for token in np.flatnonzero(np.isfinite(totals)).tolist()
            ]
        candidates.sort(key=lambda reply: -reply.log_prob)
        finished += [reply for reply in candidates[:width] if reply.tokens[-1] == EOS]
        live = [reply for reply in candidates if reply.tokens[-1] != EOS][:width]
    return best_first(finished + live, options)


def check_same(found: list[Hypothesis], expected: list[Hypothesis]) -> None:
    assert [reply.tokens for reply in found] == [reply.tokens for reply in expected]
    np.testing.assert_allclose(
        [reply.log_prob for reply in found], [reply.log_prob for reply in expected], atol=1e-5
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("changes", CONSTRAINED, ids=str)
def test_a_beam_that_holds_every_reply_finds_the_best_ones(
    table_model: Table, new_search: NewSearch, changes: dict[str, Any], seed: int
) -> None:
    options = {"num_beams": 150, "num_return_sequences": 150, "max_new_tokens": 4} | changes
    model = table_model(seed, words=3)
    config = GenerationConfig(**options)
    replies = best_first(list(all_replies(model, config)), config)
    assert 6 <= len(replies) <= 150
    check_same(run(model, new_search(**options)), replies)


@pytest.mark.parametrize("seed", range(3))
def test_all_replies_of_five_words_are_ranked(
    table_model: Table, new_search: NewSearch, seed: int
) -> None:
    options: dict[str, Any] = {
        "num_beams": 781,
        "num_return_sequences": 781,
        "max_new_tokens": 4,
        "min_new_tokens": 0,
    }
    model = table_model(seed, words=5)
    config = GenerationConfig(**options)
    replies = best_first(list(all_replies(model, config)), config)
    assert len(replies) == 781  # 625 that did not end, and 1 + 5 + 25 + 125 that did
    check_same(run(model, new_search(**options)), replies)


@examples(10)
@given(model=MODELS, options=OPTIONS)
def test_any_beam_equals_its_slow_twin(
    table_model: Table, new_search: NewSearch, model: dict[str, Any], options: dict[str, Any]
) -> None:
    table = table_model(**(model | {"spread": model.get("spread", 1.0) or 1.0}))  # no ties
    search = new_search(**options, num_return_sequences=options["num_beams"])
    expected = slow_beam(table, GenerationConfig(**options))[: options["num_beams"]]
    check_same(run(table, search), expected)


@examples(15)
@given(model=MODELS, options=OPTIONS)
def test_what_is_agreed_is_never_taken_back(
    table_model: Table, new_search: NewSearch, model: dict[str, Any], options: dict[str, Any]
) -> None:
    search = new_search(**options)
    assert search.agreed() == ()
    agreed = [search.agreed() for _ in decode(table_model(**model), CONTEXT, [search])]
    best = search.results()[0].tokens
    for prefix in agreed:
        assert best[: len(prefix)] == prefix
    assert [len(prefix) for prefix in agreed] == sorted(len(prefix) for prefix in agreed)
    assert agreed[-1] == best


@given(model=MODELS, options=OPTIONS, data=st.data())
def test_the_replies_are_distinct_sorted_and_as_many_as_asked_for(
    table_model: Table,
    new_search: NewSearch,
    model: dict[str, Any],
    options: dict[str, Any],
    data: st.DataObject,
) -> None:
    count = data.draw(st.integers(1, options["num_beams"]))
    table = table_model(**model)
    every = run(table, new_search(**options, num_return_sequences=options["num_beams"]))
    search = new_search(**options, num_return_sequences=count)
    replies = run(table, search)
    scores = [reply.score(options.get("length_penalty", 1.0)) for reply in replies]
    assert scores == sorted(scores, reverse=True)
    assert len({reply.tokens for reply in replies}) == len(replies)
    assert replies == every[:count]


@given(model=MODELS, options=OPTIONS)
def test_the_shortest_and_the_longest_length_are_kept(
    table_model: Table, new_search: NewSearch, model: dict[str, Any], options: dict[str, Any]
) -> None:
    options = {**options, "min_new_tokens": min(3, options["max_new_tokens"])}
    options.pop("no_repeat_ngram_size", None)  # it may leave no word, and then the reply ends
    for reply in run(table_model(**model), new_search(**options)):
        words = [token for token in reply.tokens if token != EOS]
        assert options["min_new_tokens"] <= len(words)
        assert len(reply.tokens) <= options["max_new_tokens"]
        assert EOS not in reply.tokens[:-1]


@given(model=MODELS, options=OPTIONS)
def test_stopping_later_is_never_worse(
    table_model: Table, new_search: NewSearch, model: dict[str, Any], options: dict[str, Any]
) -> None:
    table, scores = table_model(**model), []
    for early in (True, False, "never"):
        search = new_search(**{**options, "early_stopping": early})
        scores.append(run(table, search)[0].score(options.get("length_penalty", 1.0)))
    assert scores == sorted(scores)


def test_stopping_later_finds_what_stopping_early_misses(
    table_model: Table, new_search: NewSearch
) -> None:
    found = [
        run(
            table_model(seed, eos_bias=1.0),
            new_search(num_beams=2, early_stopping=early, max_new_tokens=12),
        )[0]
        for early in (True, False, "never")
        for seed in range(30)
    ]
    assert len({tuple(found[first : first + 30]) for first in (0, 30, 60)}) == 3


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("make", [_C.BeamSearch, BeamSearch], ids=TWINS)
def test_a_beam_of_one_is_greedy(
    table_model: Table, new_search: NewSearch, make: Any, seed: int
) -> None:
    config = GenerationConfig(max_new_tokens=10, return_scores=True)
    model = table_model(seed, eos_bias=1.0)
    check_same(
        run(model, make(config)),
        run(model, new_search(max_new_tokens=10, return_scores=True)),
    )


@pytest.mark.parametrize(
    ("penalty", "overtakes"), [(-1.0, False), (0.0, False), (0.4, True), (1.0, True), (3.0, True)]
)
def test_a_longer_reply_overtakes_the_one_that_ended(
    table_model: Table, new_search: NewSearch, penalty: float, *, overtakes: bool
) -> None:
    model = table_model(words=2)
    model.script((), {7: 0.6, 8: 0.4})
    model.script((7,), {EOS: 1.0})
    for length in range(1, 20):
        model.script((8,) * length, {8: 1.0})
    search = new_search(
        num_beams=2, early_stopping="never", length_penalty=penalty, max_new_tokens=20
    )
    agreed = [search.agreed() for _ in decode(model, CONTEXT, [search])]
    best = search.results()[0].tokens
    assert best == ((8,) * 20 if overtakes else (7, EOS))
    assert agreed[1] == (() if overtakes else best)  # the other one can still win, or not


def test_a_larger_length_penalty_prefers_longer_replies(
    table_model: Table, new_search: NewSearch
) -> None:
    def length(penalty: float) -> float:
        options = {"num_beams": 4, "early_stopping": "never", "length_penalty": penalty}
        replies = [
            run(table_model(seed, eos_bias=1.0), new_search(**options, max_new_tokens=12))[0]
            for seed in range(20)
        ]
        return sum(len(reply.tokens) for reply in replies)

    assert length(-2.0) < length(0.0) < length(1.0) < length(3.0)


@pytest.mark.parametrize("beams", [2, 5])
def test_the_replies_end_when_every_word_is_blocked(
    table_model: Table, new_search: NewSearch, beams: int
) -> None:
    search = new_search(
        num_beams=beams, no_repeat_ngram_size=1, min_new_tokens=20, early_stopping=False
    )
    for reply in run(table_model(words=3), search):
        assert sorted(reply.tokens[:3]) == [7, 8, 9]
        assert reply.tokens[3:] == (EOS,)


def test_fewer_replies_than_asked_for_when_there_are_no_more(
    table_model: Table, new_search: NewSearch
) -> None:
    search = new_search(
        num_beams=9, num_return_sequences=9, no_repeat_ngram_size=1, min_new_tokens=20
    )
    assert len(run(table_model(words=2), search)) == 2


def test_words_are_handed_out_before_the_end(table_model: Table, new_search: NewSearch) -> None:
    search = new_search(num_beams=3, max_new_tokens=20, early_stopping=False)
    steps = decode(table_model(spread=6.0, eos_bias=-20.0), CONTEXT, [search])
    lengths = [len(search.agreed()) for _ in steps]
    assert len(lengths) == 20
    assert len(set(lengths)) >= 5


def released_beam(model: Any, width: int, longest: int) -> list[tuple[int, ...]]:
    """The released code's search: a reply that ended goes on, until the best one has just ended."""
    live = [EMPTY]
    for _ in range(longest):
        candidates = [
            Hypothesis((*reply.tokens, token), reply.log_prob + float(log_prob))
            for reply in live
            for token, log_prob in enumerate(log_softmax(model.logits(reply.tokens)))
        ]
        live = sorted(candidates, key=lambda reply: -reply.log_prob)[:width]
        if live[0].tokens[-1] == EOS:
            break
    return [reply.tokens for reply in live]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("twin", TWINS)
def test_without_freezing_it_is_the_released_search(
    table_model: Table, twin: str, seed: int
) -> None:
    options: dict[str, Any] = {"num_beams": 4, "num_return_sequences": 4, "min_new_tokens": 0}
    config = GenerationConfig(**options, max_new_tokens=8)
    model = table_model(seed, words=3, spread=1.0)
    make = _C.BeamSearch if twin == "native" else BeamSearch
    search: Search = make(config, blocked=(), freeze=False)
    assert [reply.tokens for reply in run(model, search)] == released_beam(model, 4, 8)


@pytest.mark.parametrize(
    ("sequences", "expected"),
    [
        ([(1, 2, 3)], (1, 2, 3)),
        ([(1, 2, 3), (1, 2)], (1, 2)),
        ([(1, 2, 3), (1, 4), (1, 2, 3, 4)], (1,)),
        ([(2,), (1,)], ()),
        ([(), (1,)], ()),
    ],
)
def test_common_prefix(sequences: list[tuple[int, ...]], expected: tuple[int, ...]) -> None:
    assert common_prefix(sequences) == expected
