"""What Generator and the command line do where the speaker's turns show a crisis."""

from typing import Any

import pytest

from mime_fast import Generator
from mime_fast.config import GenerationConfig
from mime_fast.text.crisis import crisis_reply
from mime_fast.types import Crisis

GRAVE = "I want to kill myself"
GLAD = "I got the job!"
CRISIS = Crisis("suicidal_thoughts", "self", 0)


@pytest.fixture(scope="module", params=["native", "eager"])
def generator(request: pytest.FixtureRequest) -> Generator:
    return Generator("mime-small", engine=request.param)


def test_a_crisis_gets_the_fixed_reply(generator: Generator) -> None:
    response = generator.respond(GRAVE, seed=1)
    assert response.text == crisis_reply(CRISIS, 1) == response.candidates[0].text
    assert (response.crisis, response.finish_reason) == (CRISIS, "crisis")
    assert response.candidates[0].tokens == []
    assert response.timings.decode_ms == 0


def test_the_emotions_are_those_of_a_generated_reply(generator: Generator) -> None:
    fixed, generated = (
        generator.respond(GRAVE, seed=1, on_crisis=choice) for choice in ("reply", "flag")
    )
    assert fixed.emotion == generated.emotion
    assert fixed.emotions == pytest.approx(generated.emotions)
    assert fixed.mixture.positive == pytest.approx(generated.mixture.positive)


def test_flag_generates_and_off_does_not_look(generator: Generator) -> None:
    flagged = generator.respond(GRAVE, seed=1, on_crisis="flag")
    off = generator.respond(GRAVE, seed=1, on_crisis="off")
    assert flagged.crisis == CRISIS
    assert off.crisis is None
    assert flagged.text == off.text != generator.respond(GRAVE, seed=1).text
    assert flagged.finish_reason in {"stop", "length"}


def test_the_host_may_give_its_own_reply(generator: Generator) -> None:
    response = generator.respond(GRAVE, crisis_reply="Call the night desk.")
    assert (response.text, response.crisis) == ("Call the night desk.", CRISIS)


def test_in_a_batch_each_reply_is_the_one_it_would_get_alone(generator: Generator) -> None:
    messages = [GLAD, GRAVE, "I lost my dog", "My husband hits me"]
    together = generator.respond_batch(messages, seed=3)
    alone = [generator.respond(message, seed=3) for message in messages]
    assert [each.text for each in together] == [each.text for each in alone]
    assert [each.emotion for each in together] == [each.emotion for each in alone]
    assert [each.crisis is None for each in together] == [True, False, True, False]


@pytest.mark.parametrize("options", [{}, {"num_beams": 3, "num_return_sequences": 2}])
def test_a_stream_has_one_final_event(generator: Generator, options: dict[str, Any]) -> None:
    (event,) = generator.stream(GRAVE, seed=1, logprobs=2, **options)
    assert event.final
    assert event.response is not None
    assert (event.text, event.tokens) == (event.response.text, [])
    assert (event.finish_reason, event.response.crisis) == ("crisis", CRISIS)
    assert event.response.candidates[0].logprobs == []


def test_a_flagged_stream_is_that_of_a_generated_reply(generator: Generator) -> None:
    events = list(generator.stream(GRAVE, seed=1, on_crisis="flag"))
    response = events[-1].response
    assert response is not None
    assert "".join(event.text for event in events) == response.text
    assert response.crisis == CRISIS


def test_a_conversation_that_goes_on_gets_another_text(generator: Generator) -> None:
    history = [GRAVE, "I hear you.", "Yes, tonight"]
    response = generator.respond(history, seed=1)
    assert response.crisis == CRISIS
    assert response.text == crisis_reply(CRISIS, 3) != crisis_reply(CRISIS, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_crisis": "stop"}, "on_crisis must be one of reply, flag, off, got 'stop'"),
        ({"on_crisis": None}, "on_crisis must be one of reply, flag, off, got None"),
        ({"crisis_reply": " "}, "crisis_reply must hold a text, got ' '; None is ours"),
        ({"crisis_reply": "\u200b"}, "crisis_reply must hold a text, got '.u200b'; None is ours"),
        ({"crisis_reply": "\ud800"}, "crisis_reply must hold a text, got '.ud800'; None is ours"),
        ({"crisis_reply": "Call\ud800"}, "crisis_reply must be valid Unicode, got 'Call.ud800'"),
        ({"stop": ["."], "bad_words": ["a", "b\udfff"]}, "bad_words must be valid Unicode, got"),
        ({"stop": ["\ud83d\ude00"]}, "stop must be valid Unicode.*surrogate; leave it out"),
        (
            {"crisis_reply": "Call.", "on_crisis": "flag"},
            "crisis_reply needs on_crisis='reply', got on_crisis='flag'",
        ),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GenerationConfig(**options)
