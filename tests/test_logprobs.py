"""Log-probabilities of tokens: the model's own, whatever was done to choose the tokens."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mime_fast import Generator, Response
from mime_fast.logprobs import TokenScorer, score_replies
from mime_fast.request import emotion_noise
from mime_fast.search.hypothesis import log_softmax
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.tokenizer import CLS, EOS, SOS, Tokenizer
from mime_fast.types import FloatArray, IntArray, TokenLogprobs

STRATEGIES: list[dict[str, Any]] = [
    {},
    {"repetition_penalty": 1.5, "no_repeat_ngram_size": 2, "bad_words": ["i"]},
    {"do_sample": True, "temperature": 0.5, "top_k": 3, "num_return_sequences": 3},
    {"num_beams": 4, "num_return_sequences": 3},
    {"do_sample": True, "mbr_samples": 3, "stop": "a"},
]
SEEDED: dict[str, Any] = {"seed": 5, "max_new_tokens": 9}
each_strategy = pytest.mark.parametrize("options", STRATEGIES, ids=str)


@pytest.fixture(scope="module")
def native(tiny_checkpoint: Path) -> Generator:
    return Generator(tiny_checkpoint)


def scores_of(response: Response) -> list[list[TokenLogprobs]]:
    found = []
    for candidate in response.candidates:
        assert candidate.logprobs is not None
        found.append(candidate.logprobs)
    return found


def model_log_probs(generator: Generator, tokens: list[int]) -> Any:
    """(tokens, vocabulary): of a reply to "no", from the logits of single steps."""
    engine = generator.engine
    dialogue = encode_dialogue(generator.tokenizer, ["no"], engine.config.max_positions)
    encoded = engine.encode([dialogue], emotion_noise(engine, [SEEDED["seed"]]), None)
    state = engine.start(encoded, [0])
    logits = [engine.step(state, np.array([token])) for token in [SOS, *tokens[:-1]]]
    return log_softmax(np.concatenate(logits))


@each_strategy
def test_they_are_the_models_own(native: Generator, options: dict[str, Any]) -> None:
    response = native.respond("no", logprobs=4, **SEEDED, **options)
    for candidate, scored in zip(response.candidates, scores_of(response), strict=True):
        tokens = [each.token for each in scored]
        assert tokens in (candidate.tokens, [*candidate.tokens, EOS])
        assert [each.word for each in scored] == [native.tokenizer.word(token) for token in tokens]
        expected = model_log_probs(native, tokens)
        chosen = expected[np.arange(len(tokens)), tokens]
        assert [each.logprob for each in scored] == pytest.approx(chosen.tolist(), abs=1e-12)
        for each, row in zip(scored, expected, strict=True):
            best = np.argsort(-row, kind="stable")[:4].tolist()
            assert [top.token for top in each.top] == best
            assert [top.logprob for top in each.top] == pytest.approx(row[best].tolist())


@each_strategy
def test_they_change_no_reply(native: Generator, options: dict[str, Any]) -> None:
    plain = native.respond("no", **SEEDED, **options)
    scored = native.respond("no", logprobs=2, **SEEDED, **options)
    assert [each.tokens for each in scored.candidates] == [each.tokens for each in plain.candidates]
    assert [each.score for each in scored.candidates] == [each.score for each in plain.candidates]
    assert all(candidate.logprobs is None for candidate in plain.candidates)


@each_strategy
def test_they_are_the_same_on_every_engine(
    tiny_checkpoint: Path, native: Generator, options: dict[str, Any]
) -> None:
    expected = scores_of(native.respond("no", logprobs=3, **SEEDED, **options))
    exact = Generator(tiny_checkpoint, compute_type="float32")
    assert scores_of(exact.respond("no", logprobs=3, **SEEDED, **options)) == expected
    eager = Generator(tiny_checkpoint, engine="eager")
    found = scores_of(eager.respond("no", logprobs=3, **SEEDED, **options))
    for ours, theirs in zip(expected, found, strict=True):
        assert [each.token for each in ours] == [each.token for each in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert one.logprob == pytest.approx(other.logprob, abs=1e-5)
            assert [t.logprob for t in one.top] == pytest.approx(
                [t.logprob for t in other.top], abs=1e-5
            )


@each_strategy
def test_a_stream_hands_them_out_with_the_tokens(
    native: Generator, options: dict[str, Any]
) -> None:
    events = list(native.stream("no", logprobs=1, **SEEDED, **options))
    response = events[-1].response
    assert response is not None
    joined = [scored for event in events for scored in event.logprobs or []]
    assert joined == scores_of(response)[0]
    for event in events:
        scored = [each.token for each in event.logprobs or []]
        assert [token for token in scored if token != EOS] == event.tokens


@each_strategy
def test_a_stream_scores_each_token_once(
    native: Generator, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    step, fed = native.engine.step, list[int]()

    def count(state: Any, tokens: IntArray) -> FloatArray:
        fed.append(len(tokens))
        return step(state, tokens)

    monkeypatch.setattr(native.engine, "step", count)
    *_, last = native.stream("no", logprobs=1, **SEEDED, **options)
    assert last.response is not None
    assert scores_of(last.response) == scores_of(
        native.respond("no", logprobs=1, **SEEDED, **options)
    )
    assert sum(fed) == 2 * sum(map(len, scores_of(last.response)))


def test_the_sum_of_a_greedy_reply_is_its_score_but_for_what_is_never_generated(
    native: Generator,
) -> None:
    options: dict[str, Any] = {"return_scores": True, "length_penalty": 0.0, "min_new_tokens": 0}
    response = native.respond("no", logprobs=0, **SEEDED, **options)
    (scored,) = scores_of(response)
    assert all(each.top == [] for each in scored)
    assert sum(each.logprob for each in scored) <= (response.score or 0.0)


def test_all_of_the_vocabulary_may_be_asked_for(native: Generator) -> None:
    (scored,) = scores_of(native.respond("no", logprobs=10**6, **SEEDED))
    vocabulary = native.tokenizer.vocab_size
    for each in scored:
        assert sorted(top.token for top in each.top) == list(range(vocabulary))
        assert sum(np.exp(top.logprob) for top in each.top) == pytest.approx(1)


def test_json_has_them(native: Generator) -> None:
    response = native.respond("no", logprobs=1, **SEEDED)
    (candidate,) = json.loads(json.dumps(dataclasses.asdict(response)))["candidates"]
    assert set(candidate["logprobs"][0]) == {"token", "word", "logprob", "top"}
    assert set(candidate["logprobs"][0]["top"][0]) == {"token", "word", "logprob"}


class Table:
    """An engine whose logits are the same at every step."""

    def __init__(self, logits: list[float]) -> None:
        self.logits = np.array(logits, np.float32)
        self.config = type("Config", (), {"vocab_size": len(logits)})

    def start(self, _: Any, rows: list[int]) -> list[int]:
        return list(rows)

    def step(self, state: list[int], tokens: IntArray) -> FloatArray:
        assert len(state) == len(tokens)
        return np.tile(self.logits, (len(tokens), 1))

    def select(self, state: list[int], rows: IntArray) -> list[int]:
        return [state[row] for row in rows.tolist()]


def test_ties_come_lowest_id_first_and_minus_infinity_last() -> None:
    tokenizer = Tokenizer.from_words(["a", "b", "c"])
    engine: Any = Table([0, -np.inf, 1, 1, -np.inf, 0, 0, 1, 0, -np.inf])
    scorer = TokenScorer(engine, tokenizer, None, [0], 10)  # type: ignore[arg-type]
    (scored,) = scorer.step([9])
    assert scored.logprob == -np.inf
    assert [each.token for each in scored.top] == [2, 3, 7, 0, 5, 6, 8, 1, 4, 9]
    assert [each.logprob for each in scored.top[-3:]] == [-np.inf] * 3


def test_replies_of_all_lengths_are_scored_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mime_fast.logprobs.ROWS", 3)
    tokenizer = Tokenizer.from_words(["a", "b", "c"])
    engine: Any = Table([0.0, 0, 1, 1, 0, 0, 0, 1, 0, 2])
    replies = [(7, 8), (CLS + 2,), (9, 9, 9, EOS), (7,), (EOS,)]
    found = score_replies(engine, tokenizer, None, 0, replies, 1)  # type: ignore[arg-type]
    assert [[each.token for each in scored] for scored in found] == [list(r) for r in replies]
    assert {each.top[0].token for scored in found for each in scored} == {9}
