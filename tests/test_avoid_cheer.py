"""No cheerful reply where the speaker may not feel good, no careless one to a death."""

import asyncio
from typing import Any

import pytest

from mime_fast import AsyncGenerator, Generator
from mime_fast.text.grave.finder import CAREFUL_REPLIES, Gravity, is_cheerful, suits

# The small model recognises positive emotions in these; its greedy replies are cheerful.
GRAVE = "The best man I ever knew is gone. My dad passed at dawn."
PLEASANT = "I got a new job and I am so happy!"


@pytest.fixture(scope="module", params=["native", "eager"])
def generator(request: pytest.FixtureRequest) -> Generator:
    return Generator("mime-small", engine=request.param)


def test_a_fixed_reply_where_all_are_cheerful(generator: Generator) -> None:
    options: dict[str, Any] = {"seed": 1, "do_sample": False, "logprobs": 2}
    cheerful = generator.respond(GRAVE, avoid_cheer=False, **options)
    assert is_cheerful(cheerful.text)
    response = generator.respond(GRAVE, **options)
    assert response.text in CAREFUL_REPLIES["grave"]
    assert (response.finish_reason, response.candidates[0].tokens) == ("careful", [])
    assert response.candidates[0].logprobs == []
    assert response.emotions == pytest.approx(cheerful.emotions)
    (event,) = generator.stream(GRAVE, **options)
    assert (event.text, event.finish_reason) == (response.text, "careful")


def test_another_candidate_where_there_is_one(generator: Generator) -> None:
    options: dict[str, Any] = {"seed": 1, "do_sample": True, "num_return_sequences": 12}
    every = generator.respond(GRAVE, avoid_cheer=False, **options).candidates
    left = [candidate for candidate in every if suits(candidate.text, Gravity.DEATH)]
    response = generator.respond(GRAVE, **options)
    assert response.candidates[: len(left)] == left
    fixed = response.candidates[len(left) :]
    assert len(left) + len(fixed) == 12
    assert {candidate.finish_reason for candidate in fixed} == {"careful"}
    events = list(generator.stream(GRAVE, **options))
    assert "".join(event.text for event in events) == response.text


def test_a_pleasant_message_gets_its_cheerful_reply(generator: Generator) -> None:
    options: dict[str, Any] = {"seed": 1, "do_sample": False}
    response = generator.respond(PLEASANT, **options)
    assert is_cheerful(response.text)
    assert len(list(generator.stream(PLEASANT, **options))) > 1


def test_a_forced_emotion_decides(generator: Generator) -> None:
    sad = generator.respond(PLEASANT, seed=1, do_sample=False, emotion="sad")
    assert not is_cheerful(sad.text)
    assert sad.text in CAREFUL_REPLIES["uncertain"]  # which may still be pleasant


def test_in_a_batch_each_reply_is_the_one_it_would_get_alone(generator: Generator) -> None:
    messages = [PLEASANT, GRAVE, "I want to die", PLEASANT]
    together = generator.respond_batch(messages, seed=1, do_sample=False)
    alone = [generator.respond(message, seed=1, do_sample=False) for message in messages]
    assert [each.text for each in together] == [each.text for each in alone]
    assert [each.finish_reason for each in together] == ["stop", "careful", "crisis", "stop"]


def test_a_service_answers_alike() -> None:
    direct = Generator("mime-small", engine="native")

    async def answers() -> list[str]:
        async with AsyncGenerator(direct) as service:
            found = []
            for message in (GRAVE, PLEASANT):
                found.append((await service.respond(message, seed=1, do_sample=False)).text)
                events = [e async for e in service.stream(message, seed=1, do_sample=False)]
                found.append("".join(event.text for event in events))
            return found

    expected = [direct.respond(m, seed=1, do_sample=False).text for m in (GRAVE, PLEASANT)]
    assert asyncio.run(answers()) == [text for text in expected for _ in range(2)]


def test_a_crisis_that_is_only_flagged_gets_no_cheerful_reply(generator: Generator) -> None:
    message = "Great news, I won the lottery. I want to kill myself tonight."
    options: dict[str, Any] = {"seed": 1, "do_sample": False, "on_crisis": "flag"}
    response = generator.respond(message, **options)
    assert response.crisis is not None
    assert not is_cheerful(response.text)
