"""How a reply ends: stop strings, bad words, and what finish_reason says, on every engine."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast import Generator, Response, drafts
from mime_fast.checkpoint import DRAFTS
from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.text.stop import find_stop
from mime_fast.text.tokenizer import EOS
from mime_fast.types import Candidate
from tests.examples import examples

MESSAGES = ["I lost my dog yesterday.", "no", "I am good!"]
STRATEGIES: list[dict[str, Any]] = [
    {},
    {"min_new_tokens": 8, "repetition_penalty": 1.3},
    {"do_sample": True, "temperature": 1.5, "num_return_sequences": 3},
    {"do_sample": True, "top_k": 5, "mbr_samples": 4, "num_return_sequences": 2},
    {"num_beams": 4, "num_return_sequences": 4},
    {"num_beams": 3, "early_stopping": "never", "length_penalty": -0.5},
    {"num_beams": 3, "early_stopping": False, "length_penalty": 2.0},
]
SEEDED: dict[str, Any] = {"seed": 5, "max_new_tokens": 14, "avoid_cheer": False}
CHOOSING = {"num_beams", "mbr_samples"}  # where another reply may win
each_strategy = pytest.mark.parametrize("options", STRATEGIES, ids=str)


@pytest.fixture(scope="module")
def native(tiny_checkpoint: Path) -> Generator:
    return Generator(tiny_checkpoint)


@pytest.fixture(scope="module")
def eager(tiny_checkpoint: Path) -> Generator:
    return Generator(tiny_checkpoint, engine="eager")


def text_so_far(tokenizer: ReplyTokenizer, tokens: list[int]) -> str:
    """Without a colon that waits for its next word."""
    detokenizer = tokenizer.detokenizer()
    return "".join(detokenizer.push(tokenizer.word(token)) for token in tokens)


def cut(tokenizer: ReplyTokenizer, whole: Candidate, stop: str) -> tuple[list[int], str]:
    """The tokens and the text that are left of a reply that nothing stopped."""
    for length in range(1, len(whole.tokens) + 1):
        tokens = whole.tokens[:length]
        text = text_so_far(tokenizer, tokens)
        if stop in text:
            return tokens, text[: text.index(stop)]
    return whole.tokens, whole.text.partition(stop)[0]


def parts_of(text: str) -> st.SearchStrategy[str]:
    """Any part of it, most of which begin or end within a word."""
    edges = st.integers(0, len(text))
    return st.tuples(edges, edges).map(lambda ends: text[min(ends) : max(ends)]).filter(bool)


@examples(3)
@given(data=st.data())
def test_a_reply_ends_with_the_token_that_completes_a_stop_string(
    native: Generator, data: st.DataObject
) -> None:
    options = SEEDED | data.draw(st.sampled_from(STRATEGIES[:3]))
    message = data.draw(st.sampled_from(MESSAGES))
    whole = native.respond(message, **options).candidates
    stop = data.draw(parts_of(data.draw(st.sampled_from([each.text for each in whole]))))
    found = native.respond(message, stop=stop, **options).candidates
    for candidate, uncut in zip(found, whole, strict=True):
        tokens, text = cut(native.tokenizer, uncut, stop)
        assert (candidate.tokens, candidate.text) == (tokens, text)
        if text != uncut.text:
            assert candidate.finish_reason == "stop"


@examples(2)
@given(data=st.data())
def test_the_engines_and_streams_agree_on_any_stop_strings(
    native: Generator, eager: Generator, data: st.DataObject
) -> None:
    options = SEEDED | data.draw(st.sampled_from(STRATEGIES))
    message = data.draw(st.sampled_from(MESSAGES))
    text = native.respond(message, **options).text
    options["stop"] = data.draw(st.lists(parts_of(text), min_size=1, max_size=3))
    options["bad_words"] = data.draw(st.lists(st.sampled_from(text.split()), max_size=2))
    expected = native.respond(message, **options)
    for candidate in expected.candidates:
        assert find_stop(candidate.text, options["stop"]) < 0
    assert outline(eager.respond(message, **options)) == outline(expected)
    assert outline(native.respond_batch([message] * 2, **options)[1]) == outline(expected)
    for generator in (native, eager):
        events = list(generator.stream(message, **options))
        assert "".join(event.text for event in events) == expected.text
        assert [t for event in events for t in event.tokens] == expected.candidates[0].tokens
        assert {event.finish_reason for event in events[:-1]} <= {None}
        assert events[-1].finish_reason == expected.finish_reason


def outline(response: Response) -> list[tuple[str, list[int], str]]:
    return [(each.text, each.tokens, each.finish_reason) for each in response.candidates]


@each_strategy
def test_what_may_become_a_stop_string_is_not_shown(
    native: Generator, options: dict[str, Any]
) -> None:
    for message in MESSAGES:
        text = native.respond(message, **SEEDED, **options).text
        stop = text[len(text) // 2 :]  # it is complete with the last token
        expected = native.respond(message, stop=[stop], **SEEDED, **options).text
        assert expected == text[: text.index(stop)] or options.keys() & CHOOSING
        shown = ""
        for event in native.stream(message, stop=[stop], **SEEDED, **options):
            shown += event.text
            assert expected.startswith(shown)
        assert shown == expected


@pytest.mark.parametrize("compute_type", ["int8", "float32"])
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_drafts_behind_a_stop_string_are_dropped(
    tiny_checkpoint: Path, tmp_path: Path, compute_type: str, penalty: float
) -> None:
    plain = Generator(tiny_checkpoint, compute_type=compute_type)
    options: dict[str, Any] = SEEDED | {"min_new_tokens": 12, "repetition_penalty": penalty}
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "drafted"))
    wholes = plain.respond_batch(MESSAGES, **options)
    generated = [reply.candidates[0].tokens for reply in wholes for _ in range(2)]
    drafts.save_table(drafts.count([(*tokens, EOS) for tokens in generated]), folder / DRAFTS)
    drafted = Generator(folder, compute_type=compute_type)
    for message, whole in zip(MESSAGES, wholes, strict=True):
        for word in range(1, 12):
            stop = plain.tokenizer.decode(whole.candidates[0].tokens[: word + 1])[-3:]
            expected = plain.respond(message, stop=stop, **options)
            assert outline(drafted.respond(message, stop=stop, **options)) == outline(expected)
            off = drafted.respond(message, stop=stop, speculation=False, **options)
            assert outline(off) == outline(expected)


@pytest.mark.parametrize("generator_name", ["native", "eager"])
def test_the_whole_reply_may_be_a_stop_string(
    request: pytest.FixtureRequest, generator_name: str
) -> None:
    generator: Generator = request.getfixturevalue(generator_name)
    whole = generator.respond("no", **SEEDED)
    response = generator.respond("no", stop=whole.text, **SEEDED)
    assert response.text == ""
    assert response.finish_reason == "stop"
    assert response.candidates[0].tokens == whole.candidates[0].tokens
    assert "".join(event.text for event in generator.stream("no", stop=whole.text, **SEEDED)) == ""


def test_a_stop_string_that_never_comes_changes_nothing(native: Generator) -> None:
    for options in STRATEGIES:
        whole = native.respond_batch(MESSAGES, **SEEDED, **options)
        same = native.respond_batch(MESSAGES, stop=["Never.", "\u4f60"], **SEEDED, **options)
        assert [outline(reply) for reply in same] == [outline(reply) for reply in whole]


@each_strategy
def test_the_finish_reason_is_the_end_of_the_reply_or_its_longest_length(
    native: Generator, options: dict[str, Any]
) -> None:
    seen = set()
    for response in native.respond_batch(MESSAGES * 3, max_new_tokens=10, seed=None, **options):
        assert response.finish_reason == response.candidates[0].finish_reason
        for candidate in response.candidates:
            seen.add(candidate.finish_reason)
            assert candidate.finish_reason == "stop" or len(candidate.tokens) == 10
    longest = {**options, "min_new_tokens": 10, "max_new_tokens": 10}
    for response in native.respond_batch(MESSAGES, **longest):
        assert {each.finish_reason for each in response.candidates} == {"length"}


def test_a_reply_that_ends_with_its_last_token_was_not_cut(native: Generator) -> None:
    whole = native.respond("I lost my dog yesterday.", seed=1, no_repeat_ngram_size=1)
    assert whole.finish_reason == "stop"
    ended = len(whole.candidates[0].tokens) + 1  # end-of-reply counts
    options: dict[str, Any] = {"seed": 1, "no_repeat_ngram_size": 1}
    for length, reason in ((ended, "stop"), (ended - 1, "length")):
        again = native.respond("I lost my dog yesterday.", max_new_tokens=length, **options)
        assert (again.text, again.finish_reason) == (whole.text, reason)


def test_json_says_how_a_reply_ended(native: Generator) -> None:
    found = json.loads(json.dumps(dataclasses.asdict(native.respond("no", max_new_tokens=2))))
    assert found["finish_reason"] == found["candidates"][0]["finish_reason"] == "length"


@each_strategy
@pytest.mark.parametrize("engine", ["native", "eager"])
def test_bad_words_are_never_generated(
    request: pytest.FixtureRequest, engine: str, options: dict[str, Any]
) -> None:
    generator: Generator = request.getfixturevalue(engine)
    for message in MESSAGES:
        banned: list[str] = []
        for _ in range(4):  # whatever comes instead is banned too
            response = generator.respond(message, bad_words=banned, **SEEDED, **options)
            tokens = {token for candidate in response.candidates for token in candidate.tokens}
            generated = sorted(map(generator.tokenizer.word, tokens))
            assert not set(generated) & set(banned)
            banned += generated[:2]


@pytest.mark.parametrize("options", [*STRATEGIES[:2], *STRATEGIES[4:]], ids=str)
def test_a_sequence_of_words_is_never_generated(native: Generator, options: dict[str, Any]) -> None:
    for message in MESSAGES:
        whole = native.respond(message, **SEEDED, **options).candidates[0].tokens
        words = [native.tokenizer.word(token) for token in whole[1:4]]
        if len(words) < 3:
            continue
        found = native.respond(message, bad_words=" ".join(words), **SEEDED, **options)
        for candidate in found.candidates:
            runs = [candidate.tokens[i : i + 3] for i in range(len(candidate.tokens) - 2)]
            assert whole[1:4] not in runs


@each_strategy
@pytest.mark.parametrize("count", [1, 3])
def test_bad_words_are_banned_behind_the_screening_too(
    tiny_checkpoint: Path, options: dict[str, Any], count: int
) -> None:
    exact, screened = (
        Generator(tiny_checkpoint, compute_type=kind) for kind in ("float32", "int8")
    )
    for message in MESSAGES:
        plain = exact.respond(message, **SEEDED, **options).candidates[0].tokens
        banned = [exact.tokenizer.word(token) for token in plain[:count]]
        found = [
            g.respond(message, bad_words=banned, **SEEDED, **options) for g in (exact, screened)
        ]
        assert outline(found[0]) == outline(found[1])


def test_bad_words_are_matched_in_lower_case_and_as_words(native: Generator) -> None:
    lower = native.respond("no", bad_words=["i", "dog", "can not"], **SEEDED)
    upper = native.respond("no", bad_words=("I", "DOG", "Can Not"), **SEEDED)
    assert outline(upper) == outline(lower)
    part = native.respond("no", bad_words="do", **SEEDED)  # not of "dog", which is another word
    assert part.text


def test_a_bad_word_that_the_vocabulary_lacks_changes_nothing(native: Generator) -> None:
    expected = native.respond("no", **SEEDED)
    found = native.respond("no", bad_words=["xyzzy", "dog xyzzy"], **SEEDED)
    assert outline(found) == outline(expected)


@pytest.mark.parametrize("options", STRATEGIES, ids=str)
def test_a_reply_without_a_word_that_is_allowed_ends(
    native: Generator, words: tuple[str, ...], options: dict[str, Any]
) -> None:
    response = native.respond("no", bad_words=list(words), **SEEDED, **options)
    assert {(each.text, each.finish_reason) for each in response.candidates} == {("", "stop")}
