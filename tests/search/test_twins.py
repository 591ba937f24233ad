"""The searches of mime_fast._C against their slow twins, step by step on the same logits."""

import doctest
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mime_fast import _C
from mime_fast.config import GenerationConfig
from mime_fast.search import Search
from mime_fast.search.hypothesis import Hypothesis, log_softmax
from mime_fast.search.rules import TextRules
from mime_fast.text.special import EOS, NEVER_GENERATED
from mime_fast.types import FloatArray
from tests.examples import examples
from tests.oracle.beam import BeamSearch
from tests.oracle.sampler import Sampler

LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
HOSTILE = np.array([0, -0.0, SMALLEST, 1, -1, -LARGEST / 128, LARGEST / 128, -np.inf], np.float32)
CLOSE = 1e-6  # relative; log-partitions of the twins differ by some 1e-8
SHAPES: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "normal": lambda generator, size: generator.normal(0, 2, size),
    "peaked": lambda generator, size: generator.normal(0, 12, size),
    "ties": lambda generator, size: generator.integers(-2, 3, size),
    "equal": lambda _, size: np.zeros(size),
    "blocked": lambda generator, size: np.where(
        generator.random(size) < 0.7, -np.inf, generator.normal(0, 2, size)
    ),
    "nothing": lambda _, size: np.full(size, -np.inf),
    "hostile": lambda generator, size: generator.choice(HOSTILE, size),
}


class StopAfter:
    """Ends a reply with any of these sequences."""

    def __init__(self, sequences: set[tuple[int, ...]]) -> None:
        self.sequences = sequences

    def __call__(self, tokens: Sequence[int]) -> bool:
        assert tokens
        assert EOS not in tokens
        return any(tuple(tokens[-len(each) :]) == each for each in self.sequences)


class Model:
    """Logits after a prefix: a function of that prefix."""

    def __init__(self, seed: int, vocab: int, shape: str, eos_bias: float) -> None:
        self.seed, self.vocab, self.shape, self.eos_bias = seed, vocab, shape, eos_bias

    def logits(self, prefixes: list[tuple[int, ...]]) -> FloatArray:
        """(rows, vocab)."""
        generators = [np.random.default_rng([self.seed, *prefix]) for prefix in prefixes]
        shape = SHAPES[self.shape]
        rows = np.array([shape(each, self.vocab) for each in generators], np.float32)
        rows[:, EOS] += self.eos_bias
        return rows


MODELS = st.builds(
    Model,
    seed=st.integers(0, 2**32),
    vocab=st.integers(8, 30) | st.sampled_from([255, 256, 257, 600, 2000]),
    shape=st.sampled_from(sorted(SHAPES)),
    eos_bias=st.sampled_from([-5.0, 0.0, 2.0]),
)
LENGTHS: dict[str, Any] = {
    "max_new_tokens": st.integers(1, 9),
    "min_new_tokens": st.integers(0, 9),
}
REPETITION: dict[str, Any] = {
    "repetition_penalty": st.sampled_from([1.0, 1.3, 0.7, 100.0]),
    "no_repeat_ngram_size": st.integers(0, 4),
}
SAMPLING: dict[str, Any] = {
    "temperature": st.sampled_from([1.0, 0.7, 0.01, 100.0]),
    "top_k": st.sampled_from([0, 1, 2, 7, 40, 256, 257, 5000]),
    "top_p": st.sampled_from([1.0, 0.9, 0.3, 1e-300]),
    "min_p": st.sampled_from([0.0, 0.1, 1.0]),
    "num_return_sequences": st.integers(1, 4),
}
BEAMS: dict[str, Any] = {
    "num_beams": st.integers(2, 6),
    "length_penalty": st.sampled_from([0.0, 1.0, 0.6, 2, -1.0, 10.0, -10.0]),
    "early_stopping": st.sampled_from([True, False, "never"]),
}
WORDS = st.integers(7, 12)
RULES = st.builds(
    lambda bad_words, stop: TextRules(tuple(map(tuple, bad_words)), stop),
    st.lists(st.lists(WORDS, min_size=1, max_size=3), max_size=6),
    st.none()
    | st.builds(StopAfter, st.sets(st.lists(WORDS, min_size=1, max_size=2).map(tuple), max_size=5)),
)
UNBLOCKED = st.sampled_from([NEVER_GENERATED, ()])


def configured(options: dict[str, Any]) -> GenerationConfig:
    least = min(options.get("min_new_tokens", 0), options["max_new_tokens"])
    return GenerationConfig(**options | {"min_new_tokens": least})


def within(rules: TextRules, vocab: int) -> TextRules:
    """Without the words that a small vocabulary lacks."""
    kept = tuple(words for words in rules.bad_words if max(words) < vocab)
    return TextRules(kept, rules.stop)


def check_same(native: list[Hypothesis], numpy: list[Hypothesis]) -> None:
    assert [reply.tokens for reply in native] == [reply.tokens for reply in numpy]
    for found, expected in zip(native, numpy, strict=True):
        assert found.log_prob == pytest.approx(expected.log_prob, rel=CLOSE, abs=1e-5)
        assert found.log_probs == pytest.approx(expected.log_probs, rel=CLOSE, abs=1e-5)
        assert sum(found.log_probs) == pytest.approx(found.log_prob)


def run_both(model: Model, native: Search, numpy: Search) -> None:
    """Both search to their end; after each step they must agree on everything that is seen."""
    prefixes: list[tuple[int, ...]] = [()] * numpy.rows
    while prefixes:
        assert native.rows == numpy.rows == len(prefixes)
        logits = model.logits(prefixes)
        before = logits.copy()
        parents, tokens = numpy.advance(logits)
        assert native.advance(logits) == (parents, tokens)
        np.testing.assert_array_equal(logits, before)
        assert native.agreed() == numpy.agreed()
        check_same([native.leader], [numpy.leader])
        prefixes = [
            (*prefixes[parent], token) for parent, token in zip(parents, tokens, strict=True)
        ]
    assert native.rows == numpy.rows == 0
    check_same(native.results(), numpy.results())


@examples(10)
@given(
    model=MODELS,
    options=st.fixed_dictionaries(
        {**LENGTHS, "return_scores": st.booleans()}, optional={**REPETITION, **SAMPLING}
    ),
    do_sample=st.booleans(),
    seed=st.integers(0, 2**64 - 1),
    blocked=UNBLOCKED,
    rules=RULES,
)
def test_samplers_are_equal(
    model: Model,
    options: dict[str, Any],
    do_sample: bool,
    seed: int,
    blocked: tuple[int, ...],
    rules: TextRules,
) -> None:
    rules = within(rules, model.vocab)
    if not do_sample:
        options = {name: value for name, value in options.items() if name not in SAMPLING}
    config = configured({**options, "do_sample": do_sample})
    numpy = Sampler(config, seed, blocked=blocked, rules=rules)
    run_both(model, _C.Sampler(config, seed, blocked=blocked, rules=rules), numpy)


@examples(15)
@given(
    model=MODELS,
    options=st.fixed_dictionaries({**LENGTHS, **BEAMS}, optional=REPETITION),
    freeze=st.booleans(),
    blocked=UNBLOCKED,
    rules=RULES,
)
def test_beams_are_equal(
    model: Model,
    options: dict[str, Any],
    freeze: bool,
    blocked: tuple[int, ...],
    rules: TextRules,
) -> None:
    rules = within(rules, model.vocab)
    config = configured({**options, "num_return_sequences": options["num_beams"]})
    numpy = DecidedBeam(config, freeze=freeze, blocked=blocked, rules=rules)
    native = _C.BeamSearch(config, freeze=freeze, blocked=blocked, rules=rules)
    run_both(model, native, numpy)


class DecidedBeam(BeamSearch):
    """Rejects an example where rounding decides: different sums that are equal, or all but."""

    def advance(self, logits: FloatArray) -> tuple[list[int], list[int]]:
        constrained = self.constraints.apply(logits, [reply.tokens for reply in self.live])
        log_probs = log_softmax(constrained)
        ids = np.argsort(-constrained, axis=-1, kind="stable")[:, : 2 * self.options.num_beams]
        sums = [
            (reply.log_prob + log_prob, (reply.log_prob, log_prob))
            for row, reply in enumerate(self.live)
            for log_prob in log_probs[row, ids[row]].tolist()
        ]
        assume(not any_close(sums))
        return super().advance(logits)

    def _is_over(self) -> bool:
        scores = [(self._score(reply), reply.log_probs) for reply in self.finished]
        ends = not self.freeze or self._steps == self.options.max_new_tokens
        bounds = [self._score] if ends else [self._attainable, self._expected]
        for bound in bounds:
            live = [(bound(reply), reply.log_probs) for reply in self.live]
            assume(not any_close(scores + live))
        return super()._is_over()


def any_close(entries: Sequence[tuple[float, tuple[float, ...]]]) -> bool:
    """Whether two values are close, and not because they are made of the same numbers."""
    ranked = sorted(
        (entry for entry in entries if entry[0] > -np.inf), key=lambda entry: entry[0], reverse=True
    )
    return any(
        made_of != other and value - lower <= CLOSE * max(1, abs(value))
        for (value, made_of), (lower, other) in pairwise(ranked)
    )


FEW = GenerationConfig(max_new_tokens=5)
MILLION = 1000, 1000  # sequences, steps


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.6},
        {"top_k": 5},
        {"top_k": 300},
        {"top_p": 0.8},
        {"min_p": 0.2},
        {"temperature": 2.0, "top_k": 9, "top_p": 0.9, "min_p": 0.05},
    ],
    ids=str,
)
def test_a_million_draws_follow_the_distribution(options: dict[str, Any]) -> None:
    sequences, steps = MILLION
    config = GenerationConfig(
        do_sample=True, num_return_sequences=sequences, max_new_tokens=steps, **options
    )
    row = np.random.default_rng(0).normal(0, 1.5, 20).astype(np.float32)
    row[EOS] = -np.inf
    logits = np.broadcast_to(row, (sequences, len(row)))
    search = _C.Sampler(config, 11)
    while search.rows:
        search.advance(logits)
    counts = np.bincount(np.ravel([reply.tokens for reply in search.results()]), minlength=20)
    expected = truncated_softmax(row, config)
    assert counts.sum() == sequences * steps
    assert not counts[expected == 0].any()
    possible = expected > 0
    mean = expected[possible] * counts.sum()
    statistic = ((counts[possible] - mean) ** 2 / mean).sum()
    freedom = possible.sum() - 1
    assert statistic < freedom + 4 * np.sqrt(2 * freedom) + 8  # fails at one seed in 30,000


def truncated_softmax(row: FloatArray, config: GenerationConfig) -> Any:
    weights = np.exp(row.astype(np.float64) / config.temperature)
    weights[list(NEVER_GENERATED)] = 0
    order = np.argsort(-weights)
    weights[order[config.top_k or len(row) :]] = 0
    shares = weights[order] / weights.sum()
    weights[order[1:][np.cumsum(shares)[:-1] >= config.top_p]] = 0
    weights[order[shares < config.min_p * shares[0]]] = 0
    return weights / weights.sum()


def searches(config: GenerationConfig) -> list[Search]:
    return [_C.Sampler(config, 0), _C.BeamSearch(config)]


def test_the_shape_of_the_logits_is_checked() -> None:
    for search in searches(GenerationConfig()):
        with pytest.raises(ValueError, match=r"\(rows, vocab\) with rows = 1, got 2"):
            search.advance(np.zeros((2, 9), np.float32))
        with pytest.raises(ValueError, match=r"vocab must be in \[7, 2147483647\], got 6"):
            search.advance(np.zeros((1, 6), np.float32))
        with pytest.raises(TypeError, match="logits must be float32, got float64"):
            search.advance(np.zeros((1, 9)))  # type: ignore[arg-type]
        search.advance(np.zeros((1, 9), np.float32))
        with pytest.raises(ValueError, match="vocab must be 9 at every step, got 8"):
            search.advance(np.zeros((1, 8), np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_logit_that_is_no_number_is_an_error(value: float) -> None:
    logits = np.ones((1, 9), np.float32)
    logits[:, [0, 8]] = value  # id 0 is blocked, and may be anything
    config = GenerationConfig()
    for search in [*searches(config), Sampler(config, 0)]:
        with pytest.raises(ValueError, match=rf"must be finite or -inf, got {value} at id 8"):
            search.advance(logits)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("max_new_tokens", 0, "max_new_tokens must be at least 1, got 0"),
        ("max_new_tokens", -1, r"max_new_tokens must be in \[0, 2\*\*63\), got -1"),
        ("num_beams", 1001, r"num_beams must be in \[1, 1000\], got 1001"),
        ("length_penalty", 11.0, r"length_penalty must be in \[-10, 10\], got 11"),
        ("length_penalty", np.nan, "got nan"),
        ("repetition_penalty", 0.0, r"repetition_penalty must be in \[0.01, 100\], got 0"),
        ("num_return_sequences", 2**32, r"num_return_sequences must be in .*, got 4294967296"),
        ("mbr_samples", 5, "without do_sample mbr_samples and best_of must be 0, got 5"),
        ("best_of", 1001, r"mbr_samples and best_of must be in \[0, 1000\], got 1001"),
        ("temperature", 0.0, r"temperature must be in \[0.01, 100\], got 0"),
        ("early_stopping", "always", "early_stopping must be true, false or 'never', got 'always'"),
    ],
)
def test_options_out_of_range(option: str, value: Any, message: str) -> None:
    config: Any = SimpleNamespace(**GenerationConfig().to_dict() | {option: value})
    for make in (lambda: _C.Sampler(config, 0), lambda: _C.BeamSearch(config)):
        with pytest.raises(ValueError, match=message):
            make()


def test_blocked_ids_are_checked() -> None:
    with pytest.raises(ValueError, match="blocked must hold ids of at least 0, got -1"):
        _C.Sampler(GenerationConfig(), 0, blocked=[-1])
    search = _C.BeamSearch(GenerationConfig(), blocked=[11])
    with pytest.raises(ValueError, match=r"vocab must be in \[12, 2147483647\], got 9"):
        search.advance(np.zeros((1, 9), np.float32))


@pytest.mark.parametrize(
    ("bad_words", "message"),
    [
        (((7, -1),), "bad_words must hold ids of at least 0, got -1"),
        (((),), "at least 1 id, got 0"),
    ],
)
def test_bad_words_are_checked(bad_words: Any, message: str) -> None:
    rules = TextRules(bad_words)
    for make in (lambda: _C.Sampler(FEW, 0, rules=rules), lambda: _C.BeamSearch(FEW, rules=rules)):
        with pytest.raises(ValueError, match=message):
            make()
    search = _C.BeamSearch(FEW, rules=TextRules(((8, 11),)))
    with pytest.raises(ValueError, match=r"vocab must be in \[12, 2147483647\], got 9"):
        search.advance(np.zeros((1, 9), np.float32))


def test_an_error_of_a_stop_condition_is_the_callers() -> None:
    def fail(_: Sequence[int]) -> bool:
        raise LookupError("no such word")

    rules = TextRules(stop=fail)
    for search in (_C.Sampler(FEW, 0, rules=rules), _C.BeamSearch(FEW, rules=rules)):
        with pytest.raises(LookupError, match="no such word"):
            search.advance(np.zeros((1, 9), np.float32))


def test_a_beam_that_stop_strings_emptied_is_over() -> None:
    rules = TextRules(stop=lambda _: True)
    search = _C.BeamSearch(FEW.replace(num_beams=3, num_return_sequences=3), rules=rules)
    assert search.advance(np.arange(12, dtype=np.float32)[None]) == ([], [])
    assert [reply.tokens for reply in search.results()] == [(11,), (10,), (9,)]


def test_a_beam_that_stop_strings_narrowed_fills_up_again() -> None:
    rules = TextRules(stop=lambda tokens: len(tokens) == 1 and tokens[0] > 7)
    search = _C.BeamSearch(FEW.replace(num_beams=2, early_stopping="never"), rules=rules)
    first = np.full((1, 11), -9, np.float32)
    first[0, 7:] = 0, 3, 2, 1
    assert search.advance(first) == ([0], [7])  # of four candidates three end, two are kept
    assert search.advance(np.arange(11, dtype=np.float32)[None]) == ([0, 0], [10, 9])


def test_a_search_that_is_over_stays_over() -> None:
    for search in searches(GenerationConfig(max_new_tokens=1)):
        search.advance(np.zeros((1, 9), np.float32))
        assert search.advance(np.zeros((0, 9), np.float32)) == ([], [])
        assert search.agreed() == search.leader.tokens == search.results()[0].tokens == (7,)


@pytest.mark.parametrize("name", ["Sampler", "BeamSearch"])
def test_examples_of_the_docstrings(name: str) -> None:
    names = {name: getattr(_C, name), "GenerationConfig": GenerationConfig, "np": np}
    parsed = doctest.DocTestParser().get_doctest(getattr(_C, name).__doc__, names, name, None, None)
    assert parsed.examples
    assert doctest.DocTestRunner().run(parsed).failed == 0
