"""Generator: the same replies from every engine, alone, in a batch, as a stream and in threads."""

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mime_fast import GenerationConfig, Generator, Response, TokenEvent, checkpoint, relevance
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS, NEGATIVE, POSITIVE, emotion_id, polarity
from mime_fast.models import parameter_shapes
from mime_fast.read_message import Message
from mime_fast.search.consensus import expected_utilities
from mime_fast.text.message import check_turns
from mime_fast.text.tokenizer import CLS, EOS
from mime_fast.types import Candidate, FloatArray

ENGINES = ("native", "eager")
POSITIONS = 64  # of the tiny checkpoints

MESSAGES: list[Message] = [
    "I lost my dog yesterday.",
    "no",
    ["I am good!", "what happened?", "I lost it :("],
    "we can not hear it. " * 10,
    b"oh no, they feel sorry!",
    "the weather \u043f\u0440\u0438\u0432\u0435\u0442 \U0001f642",
    ["so", "oh", "we", "no", "I hope that it was good."],
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"return_scores": True, "min_new_tokens": 5, "repetition_penalty": 1.3},
    {"num_beams": 4, "num_return_sequences": 3},
    {
        "num_beams": 3,
        "early_stopping": False,
        "length_penalty": 0.0,
        "min_new_tokens": 3,
        "no_repeat_ngram_size": 2,
    },
    {"do_sample": True, "top_k": 5, "num_return_sequences": 3},
    {"do_sample": True, "top_p": 0.9, "temperature": 1.5, "repetition_penalty": 1.3},
    {"do_sample": True, "min_p": 0.05, "return_scores": True},
    {"do_sample": True, "temperature": 0.7, "mbr_samples": 6, "num_return_sequences": 2},
    {"stochastic_emotion": False},
    {"emotion": "joyful"},
    {"emotion": "furious", "stochastic_emotion": False, "num_beams": 2},
]
SEEDED: dict[str, Any] = {"avoid_cheer": False, "seed": 7, "max_new_tokens": 16}

each_options = pytest.mark.parametrize("options", OPTIONS, ids=str)


@pytest.fixture(scope="module")
def generators(tiny_checkpoint: Path, authors_form: Path) -> dict[tuple[str, str], Generator]:
    forms = {"paper": tiny_checkpoint, "authors": authors_form}
    return {
        (form, engine): Generator(path, engine=engine)
        for form, path in forms.items()
        for engine in ENGINES
    }


@pytest.fixture(params=["paper", "authors"])
def form(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=ENGINES)
def generator(
    generators: dict[tuple[str, str], Generator], form: str, request: pytest.FixtureRequest
) -> Generator:
    return generators[form, request.param]


@pytest.fixture
def native(generators: dict[tuple[str, str], Generator], form: str) -> Generator:
    return generators[form, "native"]


@pytest.fixture
def eager(generators: dict[tuple[str, str], Generator], form: str) -> Generator:
    return generators[form, "eager"]


def content(response: Response) -> dict[str, Any]:
    """Everything but the time it took."""
    fields = dataclasses.asdict(response)
    del fields["timings"]
    return fields


def tokens(response: Response) -> list[list[int]]:
    return [candidate.tokens for candidate in response.candidates]


def check_same_reply(actual: Response, expected: Response) -> None:
    """Equal but for the rounding of probabilities, which depends on the shape of a batch."""
    assert tokens(actual) == tokens(expected)
    assert actual.text == expected.text
    assert actual.emotion == expected.emotion
    assert actual.emotions == pytest.approx(expected.emotions, abs=1e-5)
    assert actual.mixture.mimicked == expected.mixture.mimicked
    assert actual.mixture.positive == pytest.approx(expected.mixture.positive, abs=1e-5)
    assert actual.mixture.negative == pytest.approx(expected.mixture.negative, abs=1e-5)
    assert actual.seed == expected.seed
    scores = [candidate.score for candidate in expected.candidates]
    assert [candidate.score for candidate in actual.candidates] == pytest.approx(scores, abs=1e-4)


@each_options
def test_the_engines_give_the_same_replies(
    native: Generator, eager: Generator, options: dict[str, Any]
) -> None:
    replies = native.respond_batch(MESSAGES, **SEEDED, **options)
    expected = eager.respond_batch(MESSAGES, **SEEDED, **options)
    assert len(replies) == len(MESSAGES)
    assert len({len(reply.candidates[0].tokens) for reply in replies}) > 1
    for reply, twin in zip(replies, expected, strict=True):
        check_same_reply(reply, twin)


@each_options
def test_a_reply_alone_is_the_one_in_a_batch(generator: Generator, options: dict[str, Any]) -> None:
    together = generator.respond_batch(MESSAGES, **SEEDED, **options)
    for message, reply in zip(MESSAGES[:4], together[:4], strict=True):
        check_same_reply(generator.respond(message, **SEEDED, **options), reply)


def test_a_reply_does_not_depend_on_the_order_of_a_batch(generator: Generator) -> None:
    forward = generator.respond_batch(MESSAGES, **SEEDED)
    backward = generator.respond_batch(MESSAGES[::-1], **SEEDED)[::-1]
    for reply, twin in zip(forward, backward, strict=True):
        check_same_reply(reply, twin)


@each_options
def test_a_stream_joined_is_the_reply(generator: Generator, options: dict[str, Any]) -> None:
    for message in MESSAGES[:3]:
        expected = generator.respond(message, **SEEDED, **options)
        events = list(generator.stream(message, **SEEDED, **options))
        assert "".join(event.text for event in events) == expected.text
        assert [token for event in events for token in event.tokens] == expected.candidates[
            0
        ].tokens
        assert [event.final for event in events] == [False] * (len(events) - 1) + [True]
        assert [event.response is None for event in events[:-1]] == [True] * (len(events) - 1)
        assert content(response_of(events[-1])) == content(expected)


def response_of(event: TokenEvent) -> Response:
    assert event.response is not None
    return event.response


def test_the_time_between_pieces_is_the_callers(native: Generator) -> None:
    pause, response = 0.02, None
    for event in native.stream("no", seed=1, avoid_cheer=False, max_new_tokens=9, min_new_tokens=9):
        time.sleep(pause)
        response = event.response
    assert response is not None
    assert 0 < response.timings.decode_ms < 1e3 * 9 * pause


def test_a_greedy_stream_hands_out_every_word_at_once(native: Generator) -> None:
    events = list(
        native.stream("no", seed=1, avoid_cheer=False, max_new_tokens=9, min_new_tokens=9)
    )
    assert [len(event.tokens) for event in events] == [1] * 9 + [0]


@pytest.mark.parametrize(
    "options",
    [{"return_scores": True}, {"do_sample": True, "return_scores": True}, {"num_beams": 4}],
    ids=str,
)
def test_the_scores_of_a_stream_add_up(generator: Generator, options: dict[str, Any]) -> None:
    for message in MESSAGES:
        *pieces, last = generator.stream(message, length_penalty=0.0, **SEEDED, **options)
        assert last.response is not None
        scores = [event.score for event in (*pieces, last) if event.score is not None]
        assert len(scores) == len(pieces) + 1
        assert sum(scores) == pytest.approx(last.response.score)


def test_a_stream_has_scores_only_if_asked(native: Generator) -> None:
    assert all(event.score is None for event in native.stream("I lost my dog", **SEEDED))


def test_a_stream_of_beams_does_not_wait_for_the_end(native: Generator) -> None:
    options: dict[str, Any] = {"num_beams": 3, "max_new_tokens": 30, "min_new_tokens": 30}
    streams = [list(native.stream(message, seed=1, **options)) for message in MESSAGES]
    assert max(map(len, streams)) > 3


def test_a_stream_that_is_left_early_does_no_harm(native: Generator) -> None:
    stream = native.stream("I lost my dog", **SEEDED)
    first = next(stream)
    del stream
    assert native.respond("I lost my dog", **SEEDED).text.startswith(first.text)


def test_a_stream_checks_its_arguments_at_once(native: Generator) -> None:
    with pytest.raises(ValueError, match="turn 1 is empty"):
        native.stream("")
    with pytest.raises(ValueError, match="'beams'"):
        native.stream("hello", beams=3)


@each_options
def test_a_seed_repeats_the_reply(generator: Generator, options: dict[str, Any]) -> None:
    drawn = generator.respond(MESSAGES[0], max_new_tokens=20, **options)
    again = generator.respond(MESSAGES[0], max_new_tokens=20, seed=drawn.seed, **options)
    assert content(again) == content(drawn)


def test_without_a_seed_every_reply_draws_its_own(native: Generator) -> None:
    replies = native.respond_batch(["I lost my dog"] * 20, do_sample=True)
    assert len({reply.seed for reply in replies}) == 20
    assert len({reply.text for reply in replies}) > 10
    for reply in replies:
        again = native.respond("I lost my dog", do_sample=True, seed=reply.seed)
        assert again.text == reply.text


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 - 1])
def test_the_seed_that_was_given_is_reported(native: Generator, seed: int) -> None:
    assert [reply.seed for reply in native.respond_batch(["a", "b"], seed=seed)] == [seed, seed]


def test_seeds_change_the_emotion_mixture_and_the_words(native: Generator) -> None:
    replies = [native.respond("I lost my dog", seed=seed, do_sample=True) for seed in range(20)]
    mixtures = [reply.mixture for reply in replies]
    assert len({(*m.positive.values(), *m.negative.values()) for m in mixtures}) == 20
    assert len({reply.text for reply in replies}) > 10


def test_the_mean_emotions_leave_nothing_to_chance(generator: Generator) -> None:
    first, second = (
        generator.respond("I lost my dog", seed=seed, stochastic_emotion=False) for seed in (1, 2)
    )
    assert content(first) | {"seed": 2} == content(second)


def test_the_emotion_noise_is_not_what_the_words_are_drawn_from(native: Generator) -> None:
    greedy = native.respond("I lost my dog", seed=5)
    sampled = native.respond("I lost my dog", seed=5, do_sample=True)
    assert greedy.mixture == sampled.mixture


@pytest.mark.parametrize("emotion", ["joyful", "sad", "surprised", "apprehensive"])
def test_a_forced_emotion_is_the_speakers(generator: Generator, emotion: str) -> None:
    free = generator.respond("I lost my dog", seed=1)
    forced = generator.respond("I lost my dog", seed=1, emotion=emotion)
    assert forced.emotion == emotion
    assert forced.polarity == forced.mixture.mimicked == polarity(emotion_id(emotion))
    assert forced.emotions == free.emotions  # what was recognised stays known


def test_forcing_the_recognised_emotion_changes_nothing(generator: Generator) -> None:
    free = generator.respond("I lost my dog", **SEEDED)
    forced = generator.respond("I lost my dog", emotion=free.emotion, **SEEDED)
    assert content(forced) == content(free)


def test_a_forced_emotion_of_the_other_group_changes_the_reply(native: Generator) -> None:
    texts = {
        emotion: [reply.text for reply in native.respond_batch(MESSAGES, emotion=emotion, **SEEDED)]
        for emotion in ("joyful", "sad")
    }
    assert texts["joyful"] != texts["sad"]


@each_options
def test_a_response_is_consistent(native: Generator, options: dict[str, Any]) -> None:
    for response in native.respond_batch(MESSAGES, **SEEDED, **options):
        assert list(response.emotions) == list(EMOTIONS)
        assert sum(response.emotions.values()) == pytest.approx(1, abs=1e-5)
        assert list(response.mixture.positive) == [EMOTIONS[index] for index in POSITIVE]
        assert list(response.mixture.negative) == [EMOTIONS[index] for index in NEGATIVE]
        assert sum(response.mixture.positive.values()) == pytest.approx(1, abs=1e-5)
        assert response.polarity == response.mixture.mimicked == polarity_of(response)
        best = response.candidates[0]
        assert (response.text, response.score) == (best.text, best.score)
        assert response.timings.tokens == len(best.tokens) <= 16
        assert response.timings.encode_ms > 0
        assert response.timings.decode_ms > 0
        assert json.loads(json.dumps(dataclasses.asdict(response)))["text"] == response.text
        for candidate in response.candidates:
            assert candidate.text == native.tokenizer.decode(candidate.tokens) != ""
            assert EOS not in candidate.tokens


def polarity_of(response: Response) -> str:
    return polarity(emotion_id(response.emotion))


@pytest.mark.parametrize("engine", ENGINES)
def test_emotions_that_are_almost_equal_are_told_apart(
    tmp_path: Path,
    save_tiny: Callable[..., Path],
    random_tensors: Callable[[ModelConfig], dict[str, FloatArray]],
    tiny_config: ModelConfig,
    engine: str,
) -> None:
    faint = random_tensors(tiny_config)["emotion_classifier.weight"] * np.float32(1e-12)
    folder = save_tiny(tmp_path / "faint", tiny_config, {"emotion_classifier.weight": faint})
    replies = Generator(folder, engine=engine).respond_batch(MESSAGES)
    for reply in replies:
        assert reply.polarity == reply.mixture.mimicked
    assert len({reply.emotion for reply in replies}) > 1


@pytest.mark.parametrize(
    ("options", "scored"),
    [
        ({}, False),
        ({"do_sample": True}, False),
        ({"return_scores": True}, True),
        ({"num_beams": 2}, True),
        ({"do_sample": True, "num_return_sequences": 2}, True),
    ],
)
def test_scores_come_when_asked_for(
    native: Generator, options: dict[str, Any], *, scored: bool
) -> None:
    response = native.respond("I lost my dog", **SEEDED, **options)
    for candidate in response.candidates:
        assert (candidate.score is not None) == scored
    assert len(response.candidates) == options.get("num_return_sequences", 1)


def test_beams_are_sorted_and_better_than_greedy(native: Generator) -> None:
    options: dict[str, Any] = {"length_penalty": 0.0, "early_stopping": False, **SEEDED}
    greedy = native.respond_batch(MESSAGES, return_scores=True, **options)
    beams = native.respond_batch(MESSAGES, num_beams=8, num_return_sequences=8, **options)
    for beam in beams:
        scores = [candidate.score or 0.0 for candidate in beam.candidates]
        assert scores == sorted(scores, reverse=True)
        assert len({tuple(candidate.tokens) for candidate in beam.candidates}) == 8
    # A beam may lose the greedy reply to one message; for several it finds better ones.
    assert sum(reply.score or 0.0 for reply in beams) > sum(reply.score or 0.0 for reply in greedy)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_first_samples_do_not_depend_on_how_many_are_drawn(
    native: Generator, count: int
) -> None:
    options = {"do_sample": True, **SEEDED}
    many = native.respond("I lost my dog", num_return_sequences=7, **options)
    few = native.respond("I lost my dog", num_return_sequences=count, **options)
    assert tokens(few) == tokens(many)[:count]


def test_minimum_bayes_risk_ranks_the_samples(generator: Generator) -> None:
    options = {"do_sample": True, "return_scores": True, **SEEDED}
    for message in MESSAGES:
        drawn = generator.respond(message, num_return_sequences=9, **options)
        ranked = generator.respond(message, mbr_samples=9, num_return_sequences=9, **options)
        # Every sequence ends with a token that no candidate shows, unless it was cut.
        generated = [[*found, EOS] if len(found) < 16 else found for found in tokens(drawn)]
        order = np.argsort(-expected_utilities(generated), kind="stable")
        assert ranked.candidates == [drawn.candidates[index] for index in order]
        best = generator.respond(message, mbr_samples=9, **options)
        assert best.candidates == ranked.candidates[:1]


@pytest.fixture(scope="module")
def related(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """The tiny checkpoint with a relevance table."""
    folder = shutil.copytree(tiny_checkpoint, tmp_path_factory.mktemp("related") / "model")
    ids = checkpoint.load(folder).tokenizer.context_vocab_size
    vectors = np.random.default_rng(0).normal(size=(ids, 8)).astype(np.float32)
    relevance.save_table(vectors, folder / checkpoint.RELEVANCE)
    return folder


@pytest.mark.parametrize("engine", ["native", "eager"])
def test_best_of_adds_relevance_to_the_consensus(related: Path, engine: str) -> None:
    generator = Generator(related, engine=engine)
    table = generator.checkpoint.relevance
    assert table is not None
    options = {"do_sample": True, "return_scores": True, **SEEDED}
    changed = 0
    for message in MESSAGES:
        drawn = generator.respond(message, num_return_sequences=9, **options)
        ranked = generator.respond(message, best_of=9, num_return_sequences=9, **options)
        generated = [[*found, EOS] if len(found) < 16 else found for found in tokens(drawn)]
        turn = generator.tokenizer.encode(check_turns(message)[-1])[-POSITIONS + 1 :]
        scores = expected_utilities(generated) + table.similarities(generated, turn)
        scores += 0.3 * np.log([len(each) for each in generated])
        order = np.argsort(-scores, kind="stable")
        assert ranked.candidates == [drawn.candidates[index] for index in order]
        best = generator.respond(message, best_of=9, **options)
        assert best.candidates == ranked.candidates[:1]
        changed += best != generator.respond(message, mbr_samples=9, **options)
        (event,) = generator.stream(message, best_of=9, **options)
        assert event.final
        assert event.text == best.text
    assert changed


@pytest.mark.parametrize("engine", ["native", "eager"])
def test_a_checkpoint_s_defaults_hold_unless_a_call_chooses(
    related: Path, tmp_path: Path, engine: str
) -> None:
    folder = shutil.copytree(related, tmp_path / "model")
    plain = Generator(folder, engine=engine)
    defaults = {"do_sample": True, "temperature": 0.5, "best_of": 4}
    (folder / checkpoint.GENERATION).write_text(json.dumps(defaults), encoding="utf-8")
    generator = Generator(folder, engine=engine)
    message = MESSAGES[0]

    def reply(generator: Generator, *config: GenerationConfig, **options: Any) -> list[Candidate]:
        return generator.respond(message, *config, seed=5, max_new_tokens=12, **options).candidates

    assert reply(generator) == reply(plain, **defaults)
    assert len(reply(generator, num_return_sequences=3)) == 3
    assert reply(generator, do_sample=False) == reply(plain)
    assert reply(generator, num_beams=3) == reply(plain, num_beams=3)
    assert reply(generator, GenerationConfig()) == reply(plain)
    (event,) = generator.stream(message, seed=5, max_new_tokens=12)
    assert event.text == reply(generator)[0].text


def test_best_of_without_a_relevance_table_names_the_remedy(native: Generator) -> None:
    with pytest.raises(ValueError, match=r"best_of=8 needs a relevance table.*mime-fast relevance"):
        native.respond("no", do_sample=True, best_of=8)


def test_a_damaged_relevance_table_is_refused(related: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(related, tmp_path / "model")
    (folder / checkpoint.RELEVANCE).write_bytes(b"{}")
    with pytest.raises(CheckpointError, match="make it: mime-fast relevance"):
        Generator(folder)


def test_a_stream_of_minimum_bayes_risk_is_sure_of_nothing_before_the_end(
    native: Generator,
) -> None:
    events = list(native.stream("I lost my dog", do_sample=True, mbr_samples=3, **SEEDED))
    assert [event.final for event in events] == [True]


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True}], ids=str)
def test_lengths_are_kept(native: Generator, options: dict[str, Any]) -> None:
    exact: dict[str, Any] = {"min_new_tokens": 6, "max_new_tokens": 6, "seed": 1}
    for response in native.respond_batch(MESSAGES, **exact, **options):
        assert len(response.candidates[0].tokens) == 6


def test_the_history_changes_the_reply(native: Generator) -> None:
    last = "I lost it"
    histories: list[Message] = [last, ["I am good!", "what happened?", last], ["no", "oh", last]]
    responses = native.respond_batch(histories, stochastic_emotion=False)
    assert len({response.emotions["sad"] for response in responses}) == 3


def test_options_override_the_config(native: Generator) -> None:
    config = GenerationConfig(num_beams=3, seed=4, num_return_sequences=2)
    by_config = native.respond("I lost my dog", config)
    by_name = native.respond("I lost my dog", num_beams=3, seed=4, num_return_sequences=2)
    assert content(by_config) == content(by_name)
    assert len(native.respond("I lost my dog", config, num_return_sequences=3).candidates) == 3


def test_no_messages_no_replies(generator: Generator) -> None:
    assert generator.respond_batch([]) == []


def test_messages_may_come_from_an_iterator(native: Generator) -> None:
    def messages() -> Iterator[Message]:
        yield from MESSAGES

    replies = native.respond_batch(messages(), **SEEDED)  # type: ignore[arg-type]
    assert [reply.text for reply in replies] == [
        reply.text for reply in native.respond_batch(MESSAGES, **SEEDED)
    ]


def test_threads_share_a_generator(generator: Generator) -> None:
    requests = [(message, options) for message in MESSAGES for options in OPTIONS[:5:2]]

    def reply(request: tuple[Message, dict[str, Any]]) -> dict[str, Any]:
        message, options = request
        return content(generator.respond(message, **SEEDED, **options))

    expected = [reply(request) for request in requests]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(reply, requests)) == expected


@pytest.mark.parametrize(
    ("message", "error", "text"),
    [
        ("", ValueError, r"turn 1 is empty; write at least one word"),
        (" \n\t", ValueError, r"turn 1 is empty"),
        ("\x00\x07\x1b", ValueError, r"turn 1 is '\\x00\\x07\\x1b', which holds no word; write"),
        ('""', ValueError, r"holds no word"),
        ("\u200b\ufeff", ValueError, r"holds no word"),
        (["I lost it", "oh no", '"'], ValueError, r"turn 3 is '\"', which holds no word"),
        (["I lost it", "\u200b", "oh no"], ValueError, r"turn 2 is '.u200b', which holds no word"),
        (["I lost it", "\u2066", "\ue000"], ValueError, r"holds no word"),
        (b"caf\xe9", ValueError, r"turn 1 is not valid UTF-8.*send UTF-8 text"),
        ("lone \ud83d surrogate", ValueError, r"turn 1 is not valid UTF-8"),
        ("x" * 100_001, ValueError, r"turn 1 has 100001 characters, more than 100000; shorten"),
        ([], ValueError, r"odd number of turns .*got 0"),
        (["one", "two"], ValueError, r"odd number of turns .*got 2"),
        (["one", "", "three"], ValueError, r"turn 2 is empty"),
        (None, TypeError, r"got NoneType"),
        (5, TypeError, r"got int"),
        (["one", None, "three"], TypeError, r"turn 2 must be a str, got NoneType"),
        ([["one"]], TypeError, r"turn 1 must be a str, got list"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_message_that_cannot_be_answered_says_why(
    native: Generator, message: Any, error: type[Exception], text: str
) -> None:
    for call in (native.respond, native.stream, lambda it: native.respond_batch(["fine", it])):
        with pytest.raises(error, match=text) as caught:
            call(message)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"beams": 3},
            r"unknown GenerationConfig option 'beams'; known: avoid_cheer, bad_words, best_of, ",
        ),
        ({"max_new_tokens": POSITIONS + 1}, r"max_new_tokens must be at most 64 .*, got 65"),
        (
            {"temperature": 0},
            r"temperature must be in \[0\.01, 100\], got 0; .* use do_sample=False",
        ),
        ({"num_return_sequences": 2}, r"needs do_sample=True or num_beams >= 2"),
        ({"emotion": "hungry"}, r"emotion must be one of afraid, .*, got 'hungry'"),
    ],
)
def test_an_option_that_does_not_fit_says_why(
    native: Generator, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        native.respond("hello", **options)


@pytest.mark.parametrize("message", ["hello", b"hello"])
def test_one_message_is_no_batch(native: Generator, message: Any) -> None:
    with pytest.raises(TypeError, match=r"must be a list of messages; .* use respond\(\)"):
        native.respond_batch(message)


@pytest.mark.parametrize("config", [{"num_beams": 2}, "a second turn", 5])
def test_a_config_of_another_type_is_refused(native: Generator, config: Any) -> None:
    kind = type(config).__name__
    with pytest.raises(TypeError, match=rf"config must be a GenerationConfig, got {kind}; pass"):
        native.respond("hello", config)


def test_control_characters_are_dropped(generator: Generator) -> None:
    clean = generator.respond("I lost my dog", **SEEDED)
    dirty = generator.respond("I\x00 lo\x07st\x1b my\u200b d\x7fog", **SEEDED)
    assert content(dirty) == content(clean)


@pytest.mark.parametrize(
    "message",
    [
        "\U0001f600",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u4f60\u597d",
        "\u0645\u0631\u062d\u0628\u0627",
        "xyzzy plugh",
        "!?!?",
        "e\u0301\u0301\u0301",
        "UNK PAD EOS SOS USR SYS CLS",
        "[bold] <b> {0} %s \\ ' -- ;DROP TABLE",
        "a" * 100_000,
    ],
    ids=lambda message: ascii(message)[:20],
)
def test_any_other_text_gets_a_reply(generator: Generator, message: str) -> None:
    assert generator.respond(message, max_new_tokens=4).text


KNOWN_WORDS: list[tuple[Message, int, int]] = [
    ("I lost my dog.", 4, 0),
    ("I lost my xyzzy, oh no!", 6, 1),
    ("\u043f\u0440\u0438\u0432\u0435\u0442, \U0001f642", 2, 2),
    ("?!", 0, 0),
    (["xyzzy plugh", "xyzzy", "I lost it"], 3, 0),  # of the last turn alone
    (["I lost it", "oh no", "xyzzy plugh ..."], 2, 2),
    (["I lost it", "?!", "xyzzy"], 1, 1),
    ("xyzzy " * POSITIONS + "I lost " + "no " * (POSITIONS - 4), POSITIONS - 1, 1),
]


@pytest.mark.parametrize(("message", "words", "unknown"), KNOWN_WORDS)
def test_unknown_words_of_the_last_turn_are_counted(
    native: Generator, message: Message, words: int, unknown: int
) -> None:
    response = native.respond(message, **SEEDED)
    assert (response.words, response.unknown_words) == (words, unknown)
    last = list(native.stream(message, **SEEDED))[-1]
    assert content(response_of(last)) == content(response)


def test_unknown_words_are_counted_for_each_message_of_a_batch(native: Generator) -> None:
    messages = [message for message, _, _ in KNOWN_WORDS]
    responses = native.respond_batch(messages, **SEEDED)
    assert [(r.words, r.unknown_words) for r in responses] == [row[1:] for row in KNOWN_WORDS]


@pytest.mark.parametrize(("count", "dropped"), [(POSITIONS - 1, 0), (POSITIONS, 1), (400, 337)])
def test_a_long_message_is_cut_and_says_so(generator: Generator, count: int, dropped: int) -> None:
    response = generator.respond("no " * (count - 5) + "I lost my dog .", max_new_tokens=5)
    assert (response.dropped_turns, response.dropped_words) == (0, dropped)
    assert response.text


def test_a_long_history_is_cut_and_says_so(generator: Generator) -> None:
    turns = ["I lost my dog yesterday", "oh no"] * 20 + ["what can I do ?"]
    response = generator.respond(turns, stochastic_emotion=False, seed=1)
    room = POSITIONS - 1 - 5
    pairs, rest = divmod(room, 7)
    kept = 2 * pairs + (1 if rest >= 2 else 0)
    assert (response.dropped_turns, response.dropped_words) == (40 - kept, 0)


def test_what_was_cut_has_no_influence(native: Generator) -> None:
    tail = ["no " * 40, "oh no", "what can I do ?"]
    options: dict[str, Any] = {"stochastic_emotion": False, "seed": 1}
    cut = native.respond(["I lost my dog " * 9, "we are sorry " * 9, *tail], **options)
    short = native.respond(tail, **options)
    assert content(cut) == content(short) | {"dropped_turns": 2}


def test_a_reply_may_use_every_position(generator: Generator) -> None:
    options: dict[str, Any] = {"min_new_tokens": POSITIONS, "max_new_tokens": POSITIONS}
    response = generator.respond("no " * 200, seed=1, **options)
    assert len(response.candidates[0].tokens) == POSITIONS


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "options",
    [{}, {"num_beams": 4, "num_return_sequences": 4}, {"do_sample": True, "temperature": 2.0}],
    ids=str,
)
def test_special_ids_are_never_generated(
    tmp_path: Path,
    save_tiny: Callable[..., Path],
    tiny_config: ModelConfig,
    engine: str,
    options: dict[str, Any],
) -> None:
    bias = np.zeros(parameter_shapes(tiny_config)["output.bias"], np.float32)
    bias[: CLS + 1] = 1e4
    bias[EOS] = -5
    folder = save_tiny(tmp_path / "biased", tiny_config, {"output.bias": bias})
    for response in Generator(folder, engine=engine).respond_batch(
        MESSAGES, avoid_cheer=False, **options
    ):
        for candidate in response.candidates:
            assert min(candidate.tokens) > CLS
            assert "<unk>" not in candidate.text


def test_it_names_the_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no checkpoint directory at .*nowhere"):
        Generator(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", [str, Path])
def test_auto_is_the_native_engine(tiny_checkpoint: Path, kind: Callable[[Path], Any]) -> None:
    assert Generator(kind(tiny_checkpoint)).engine.name == "native"


def test_an_error_in_a_batch_names_the_message(native: Generator) -> None:
    with pytest.raises(ValueError, match="message 2 of 3: turn 1 is empty"):
        native.respond_batch(["hello", " ", "fine"])
