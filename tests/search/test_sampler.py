"""Greedy decoding and sampling: frequencies, seeds, and independence of the sequences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mime_fast.engines.stepwise import decode
from mime_fast.search import Search
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.text.special import EOS, NEVER_GENERATED
from tests.oracle import sampling

Table = Callable[..., Any]
CONTEXT: Any = None  # the table reads no dialogue

NewSearch = Callable[..., Search]


def run(engine: Any, search: Search) -> list[Hypothesis]:
    for _ in decode(engine, CONTEXT, [search]):
        pass
    return search.results()


def softmax(logits: Any) -> Any:
    weights = np.exp(np.float64(logits) - np.max(logits))
    return weights / weights.sum()


def check_frequencies(tokens: list[int], expected: Any) -> None:
    """Pearson's chi-square; a right sampler fails about once in 30,000 seeds."""
    counts = np.bincount(tokens, minlength=len(expected))
    possible = expected > 0
    assert not counts[~possible].any()
    mean = expected[possible] * len(tokens)
    statistic = ((counts[possible] - mean) ** 2 / mean).sum()
    freedom = possible.sum() - 1
    assert statistic < freedom + 4 * np.sqrt(2 * freedom) + 8


def word_distribution(logits: Any, temperature: float = 1.0, keep: int = 10**6) -> Any:
    """Probabilities of the first token: the reply cannot end, and special ids are excluded."""
    row = np.array(logits, np.float64) / temperature
    row[[*NEVER_GENERATED, EOS]] = -np.inf
    row[row < np.sort(row)[::-1][:keep][-1]] = -np.inf
    return softmax(row)


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.5}, {"temperature": 2.0}, {"top_k": 3}], ids=str
)
def test_sequences_follow_the_softmax(
    table_model: Table, new_search: NewSearch, options: dict[str, Any], seed: int
) -> None:
    model = table_model(words=6)
    search = new_search(
        seed, do_sample=True, num_return_sequences=4000, max_new_tokens=1, **options
    )
    tokens = [hypothesis.tokens[0] for hypothesis in run(model, search)]
    keep = options.get("top_k", 10**6)
    expected = word_distribution(model.logits(()), options.get("temperature", 1.0), keep)
    check_frequencies(tokens, expected)


def test_the_steps_of_one_sequence_follow_the_softmax(
    table_model: Table, new_search: NewSearch
) -> None:
    model = table_model(words=6, flat=True, eos_bias=-1e9)
    (reply,) = run(model, new_search(3, do_sample=True, max_new_tokens=4000))
    assert len(reply.tokens) == 4000
    check_frequencies(list(reply.tokens), word_distribution(model.logits(())))


def test_successive_words_are_independent(table_model: Table, new_search: NewSearch) -> None:
    model = table_model(words=3, spread=0.3, flat=True, eos_bias=-1e9)
    (reply,) = run(model, new_search(5, do_sample=True, max_new_tokens=4001))
    words = np.array(reply.tokens) - 7
    single = word_distribution(model.logits(()))[7:]
    check_frequencies(list(3 * words[:-1:2] + words[1::2]), np.outer(single, single).ravel())


def test_top_p_keeps_the_smallest_set(table_model: Table, new_search: NewSearch) -> None:
    model = table_model(words=6)
    search = new_search(1, do_sample=True, top_p=0.8, num_return_sequences=2000, max_new_tokens=1)
    expected = word_distribution(model.logits(()))
    ranked = np.argsort(-expected)
    kept = ranked[: int(np.searchsorted(expected[ranked].cumsum(), 0.8)) + 1]
    drawn = {hypothesis.tokens[0] for hypothesis in run(model, search)}
    assert drawn == set(kept.tolist())
    assert len(drawn) < 6


def test_min_p_drops_what_is_far_from_the_likeliest(
    table_model: Table, new_search: NewSearch
) -> None:
    model = table_model(words=6, spread=0.8)
    search = new_search(1, do_sample=True, min_p=0.3, num_return_sequences=2000, max_new_tokens=1)
    expected = word_distribution(model.logits(()))
    kept = set(np.flatnonzero(expected >= 0.3 * expected.max()).tolist())
    assert {hypothesis.tokens[0] for hypothesis in run(model, search)} == kept
    assert 1 < len(kept) < 6


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_the_same_seed_draws_the_same_words(
    table_model: Table, new_search: NewSearch, seed: int
) -> None:
    options = {"do_sample": True, "num_return_sequences": 3, "max_new_tokens": 12}
    first, second = (run(table_model(), new_search(seed, **options)) for _ in range(2))
    assert first == second


def test_different_seeds_draw_different_words(table_model: Table, new_search: NewSearch) -> None:
    model = table_model(words=9, spread=0.5, eos_bias=-1e9)
    options = {"do_sample": True, "max_new_tokens": 12}
    replies = [run(model, new_search(seed, **options))[0].tokens for seed in range(50)]
    assert len(set(replies)) == 50


def test_the_sequences_of_one_seed_differ(table_model: Table, new_search: NewSearch) -> None:
    model = table_model(words=9, spread=0.5, eos_bias=-1e9)
    search = new_search(3, do_sample=True, num_return_sequences=50, max_new_tokens=12)
    assert len({hypothesis.tokens for hypothesis in run(model, search)}) == 50


@pytest.mark.parametrize("seed", [0, 9])
def test_sequence_i_is_drawn_with_the_numbers_of_stream_1_plus_i(
    table_model: Table, new_search: NewSearch, seed: int
) -> None:
    model = table_model(seed, words=4, eos_bias=1.0)
    search = new_search(seed, do_sample=True, num_return_sequences=8, max_new_tokens=12)
    for index, reply in enumerate(run(model, search)):
        uniforms = sampling.philox_uniform(seed, 1 + index, 0, 12)
        for step, token in enumerate(reply.tokens):
            row = model.logits(reply.tokens[:step])[None].copy()
            row[:, [*NEVER_GENERATED, *([EOS] if step == 0 else [])]] = -np.inf
            number = uniforms[step : step + 1]
            assert sampling.select_tokens(row, number, 1.0, 0, 1.0, 0.0) == [token]


@pytest.mark.parametrize("seed", range(5))
def test_sequences_do_not_depend_on_how_many_are_drawn(
    table_model: Table, new_search: NewSearch, seed: int
) -> None:
    model = table_model(seed, words=4)
    options: dict[str, Any] = {"do_sample": True, "return_scores": True, "max_new_tokens": 15}
    many = run(model, new_search(seed, num_return_sequences=7, **options))
    assert len({len(hypothesis.tokens) for hypothesis in many}) > 1  # some leave before others
    for count in (1, 2, 6):
        few = run(model, new_search(seed, num_return_sequences=count, **options))
        assert few == many[:count]


def test_sequences_do_not_depend_on_the_longest_length(
    table_model: Table, new_search: NewSearch
) -> None:
    model = table_model(eos_bias=-1e9)
    (short,), (long,) = (
        run(model, new_search(4, do_sample=True, max_new_tokens=length)) for length in (5, 30)
    )
    assert long.tokens[:5] == short.tokens


def test_greedy_takes_the_likeliest_word_at_every_step(
    table_model: Table, new_search: NewSearch
) -> None:
    model = table_model(words=8, eos_bias=-1e9)
    (reply,) = run(model, new_search(max_new_tokens=20))
    assert len(reply.tokens) == 20
    for step, token in enumerate(reply.tokens):
        assert token == 7 + int(model.logits(reply.tokens[:step])[7:].argmax())


def test_greedy_takes_the_lowest_id_on_ties(table_model: Table, new_search: NewSearch) -> None:
    assert run(table_model(spread=0.0), new_search(max_new_tokens=1))[0].tokens == (7,)


@pytest.mark.parametrize("options", [{}, {"do_sample": True}], ids=str)
def test_a_reply_ends_with_the_end_or_at_the_longest_length(
    table_model: Table, new_search: NewSearch, options: dict[str, Any]
) -> None:
    ends = run(table_model(eos_bias=1e9), new_search(min_new_tokens=3, **options))[0].tokens
    assert len(ends) == 4
    assert ends.index(EOS) == 3
    never = run(table_model(eos_bias=-1e9), new_search(max_new_tokens=6, **options))[0].tokens
    assert len(never) == 6
    assert EOS not in never


def test_log_probabilities_are_those_of_the_model(
    table_model: Table, new_search: NewSearch
) -> None:
    model = table_model()
    search = new_search(2, do_sample=True, return_scores=True, temperature=0.7, max_new_tokens=9)
    (reply,) = run(model, search)
    expected = 0.0
    for step, token in enumerate(reply.tokens):
        row = model.logits(reply.tokens[:step]).astype(np.float64)
        row[[*NEVER_GENERATED, *([EOS] if step == 0 else [])]] = -np.inf
        expected += np.log(softmax(row)[token])
    assert reply.log_prob == pytest.approx(expected, abs=1e-5)


def test_agreed_words_are_those_of_the_first_sequence(
    table_model: Table, new_search: NewSearch
) -> None:
    search = new_search(1, do_sample=True, num_return_sequences=3, max_new_tokens=10)
    seen = [search.agreed() for _ in decode(table_model(), CONTEXT, [search])]
    final = search.results()[0].tokens
    assert seen[: len(final)] == [final[: step + 1] for step in range(len(final))]
