"""OpenAI's own client for Python, which checks every answer strictly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from mime_fast import Generator
from mime_fast.text.crisis import CATEGORIES
from tests.server.serving import SAD, Run, Running, eventually

MESSAGES: Any = [
    {"role": "system", "content": "You are a pirate."},
    {"role": "user", "content": SAD},
]
TWO_SAMPLES: Any = {"n": 2, "seed": 5, "temperature": 0.9}


def connect(server: Running, **options: Any) -> OpenAI:
    options = {"api_key": "none", "max_retries": 0, **options}
    return OpenAI(base_url=f"{server.url}/v1", _strict_response_validation=True, **options)


@pytest.fixture(scope="module")
def oracle(server: Running) -> Iterator[OpenAI]:
    with connect(server) as found:
        yield found


def ask(oracle: OpenAI, **options: Any) -> Any:
    return oracle.chat.completions.create(model="mime", messages=MESSAGES, **options)


def test_models(oracle: OpenAI) -> None:
    assert [model.id for model in oracle.models.list()] == ["mime"]
    assert oracle.models.retrieve("mime").owned_by == "mime_fast"
    with pytest.raises(openai.NotFoundError, match="there is no model 'gpt-4'; use 'mime'"):
        oracle.models.retrieve("gpt-4")


def test_a_reply_is_that_of_the_generator(oracle: OpenAI, generator: Generator) -> None:
    answer = ask(oracle, seed=1)
    response = generator.respond(SAD, seed=1)
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == (response.text, "stop")
    assert choice.message.role == "assistant"
    assert answer.usage.completion_tokens == response.timings.tokens
    assert answer.usage.prompt_tokens == response.prompt_tokens
    assert answer.usage.total_tokens == response.timings.tokens + response.prompt_tokens
    assert answer.mime["emotion"] == response.emotion
    assert answer.mime["emotions"] == pytest.approx(response.emotions)
    assert answer.mime["mixture"]["mimicked"] == response.mixture.mimicked
    assert (answer.mime["seed"], answer.mime["crisis"]) == (1, None)


def test_several_samples(oracle: OpenAI, generator: Generator) -> None:
    answer = ask(oracle, **TWO_SAMPLES)
    response = generator.respond(
        SAD, seed=5, do_sample=True, temperature=0.9, num_return_sequences=2
    )
    texts = [candidate.text for candidate in response.candidates]
    assert [choice.message.content for choice in answer.choices] == texts
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert len(set(texts)) == 2


@pytest.mark.parametrize("options", [{}, TWO_SAMPLES, {"max_tokens": 3, "seed": 1}])
def test_a_stream_is_the_same_reply(oracle: OpenAI, options: dict[str, Any]) -> None:
    options = {"seed": 3, **options}
    whole = ask(oracle, **options)
    chunks = list(ask(oracle, stream=True, stream_options={"include_usage": True}, **options))
    assert len({chunk.id for chunk in chunks}) == 1
    *pieces, last = chunks
    assert (last.choices, last.usage) == ([], whole.usage)
    assert all(chunk.usage is None for chunk in pieces)
    choices = [choice for chunk in pieces for choice in chunk.choices]
    for expected in whole.choices:
        own = [choice for choice in choices if choice.index == expected.index]
        assert "".join(c.delta.content or "" for c in own) == expected.message.content
        assert [c.delta.role for c in own if c.delta.role] == ["assistant"]
        reasons = [c.finish_reason for c in own]
        assert reasons == [None] * (len(own) - 1) + [expected.finish_reason]
    assert pieces[-1].mime["emotions"] == whole.mime["emotions"]


def test_a_stream_without_usage_has_none(oracle: OpenAI) -> None:
    assert all(chunk.usage is None and chunk.choices for chunk in ask(oracle, stream=True))


def test_stop_and_length(oracle: OpenAI) -> None:
    assert ask(oracle, stop=["!", "I am"]).choices[0].message.content == "Oh no"
    assert ask(oracle, stop="!").choices[0].finish_reason == "stop"
    for name in ("max_tokens", "max_completion_tokens"):
        cut = ask(oracle, **{name: 2})
        assert (cut.choices[0].finish_reason, cut.usage.completion_tokens) == ("length", 2)
    assert ask(oracle, max_tokens=100_000).choices[0].finish_reason == "stop"


def test_temperature_0_is_greedy_whatever_else_is_asked(oracle: OpenAI) -> None:
    greedy = ask(oracle, seed=1).choices
    assert ask(oracle, seed=1, temperature=0, top_p=0.5).choices == greedy
    assert ask(oracle, seed=1, temperature=1e-6).choices == greedy


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs(oracle: OpenAI, generator: Generator, stream: bool) -> None:
    answer = ask(oracle, seed=1, logprobs=True, top_logprobs=2, stream=stream)
    choices = [c for chunk in answer for c in chunk.choices] if stream else answer.choices
    entries = [entry for c in choices if c.logprobs for entry in c.logprobs.content]
    (expected,) = generator.respond(SAD, seed=1, logprobs=2).candidates
    assert expected.logprobs is not None
    words = [entry.word for entry in expected.logprobs[: len(expected.tokens)]]
    assert [entry.token for entry in entries] == words
    assert bytes(entries[0].bytes).decode() == words[0]
    assert entries[0].logprob == pytest.approx(expected.logprobs[0].logprob)
    assert {len(entry.top_logprobs) for entry in entries} == {2}
    assert ask(oracle, logprobs=True).choices[0].logprobs.content[0].top_logprobs == []


def test_options_and_results_of_mime(oracle: OpenAI, generator: Generator) -> None:
    extra: Any = {"num_beams": 4, "emotion": "joyful", "return_scores": True}
    answer = ask(oracle, n=2, seed=1, extra_body=extra)
    expected = generator.respond(SAD, seed=1, num_return_sequences=2, **extra)
    assert [c.message.content for c in answer.choices] == [c.text for c in expected.candidates]
    assert answer.mime["emotion"] == "joyful"
    assert answer.mime["scores"] == pytest.approx([c.score for c in expected.candidates])


def test_a_crisis_is_told_and_no_filter_is_claimed(oracle: OpenAI) -> None:
    answer = oracle.chat.completions.create(
        model="mime", messages=[{"role": "user", "content": "I want to kill myself tonight."}], n=2
    )
    (choice,) = answer.choices
    assert choice.finish_reason == "stop"
    assert choice.message.content
    mime: Any = answer.mime  # type: ignore[attr-defined]
    assert mime["crisis"]["category"] in CATEGORIES
    assert mime["finish_reason"] == "crisis"


def test_a_conversation(oracle: OpenAI, generator: Generator) -> None:
    answer = oracle.chat.completions.create(
        model="mime",
        seed=1,
        messages=[
            {"role": "assistant", "content": "Hi! How are you?"},
            {"role": "user", "content": "I lost my dog."},
            {"role": "user", "content": [{"type": "text", "text": "Yesterday."}]},
            {"role": "assistant", "content": "Oh no! What happened?"},
            {"role": "assistant", "content": ""},
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "He ran away."},
        ],
    )
    turns = ["I lost my dog.\nYesterday.", "Oh no! What happened?", "He ran away."]
    expected = generator.respond(turns, seed=1)
    assert answer.choices[0].message.content == expected.text
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == expected.prompt_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_completions(server: Running, oracle: OpenAI, generator: Generator, stream: bool) -> None:
    prompts = [SAD, "I got the job!"]
    # The client's type lacks the null that OpenAI sends as finish_reason before the last piece.
    client = OpenAI(base_url=f"{server.url}/v1", api_key="none") if stream else oracle
    answer: Any = client.completions.create(
        model="mime", prompt=prompts, seed=2, n=2, temperature=1, logprobs=1, stream=stream
    )
    choices = [c for chunk in answer for c in chunk.choices] if stream else answer.choices
    options: Any = {"seed": 2, "do_sample": True, "num_return_sequences": 2, "logprobs": 1}
    expected = [c for p in prompts for c in generator.respond(p, **options).candidates]
    for index, candidate in enumerate(expected):
        own = [choice for choice in choices if choice.index == index]
        assert "".join(choice.text for choice in own) == candidate.text
        assert own[-1].finish_reason == candidate.finish_reason
        logprobs = own[-1].logprobs
        assert len(logprobs.tokens) == len(candidate.tokens)
        for token, offset in zip(logprobs.tokens, logprobs.text_offset, strict=True):
            assert candidate.text[offset:].strip().lower().startswith(token)
    assert oracle.completions.create(model="mime", prompt=SAD, best_of=1).choices[0].text
    best = oracle.completions.create(model="mime", prompt=SAD, best_of=4, seed=1).choices
    ranked = generator.respond(SAD, do_sample=True, best_of=4, seed=1)
    assert [choice.text for choice in best] == [each.text for each in ranked.candidates]


def test_responses(oracle: OpenAI, generator: Generator) -> None:
    given: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "I lost my dog."}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Oh no!"}]},
        {"role": "user", "content": "He ran away."},
    ]
    answer = oracle.responses.create(
        model="mime", input=given, instructions="Be kind.", extra_body={"seed": 1}, temperature=0
    )
    expected = generator.respond(["I lost my dog.", "Oh no!", "He ran away."], seed=1)
    assert (answer.output_text, answer.status) == (expected.text, "completed")
    assert answer.usage is not None
    assert answer.usage.input_tokens == expected.prompt_tokens
    cut = oracle.responses.create(model="mime", input=SAD, max_output_tokens=2)
    assert cut.status == "incomplete"
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize(("limit", "end"), [(50, "completed"), (2, "incomplete")])
def test_typed_events_of_responses(oracle: OpenAI, limit: int, end: str) -> None:
    events: list[Any] = list(
        oracle.responses.create(model="mime", input=SAD, stream=True, max_output_tokens=limit)
    )
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type.removeprefix("response.") for event in events]
    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
    opening = ["created", "in_progress", "output_item.added", "content_part.added"]
    closing = ["output_text.done", "content_part.done", "output_item.done", end]
    assert kinds == [*opening, *["output_text.delta"] * len(deltas), *closing]
    assert "".join(deltas) == events[-1].response.output_text == events[-4].text
    assert len({e.item_id for e in events if hasattr(e, "item_id")}) == 1


@pytest.mark.parametrize(
    "text",
    [
        {},
        {"verbosity": "medium"},
        {"format": {"type": "text"}, "verbosity": "low"},
        {"format": None, "verbosity": None},
    ],
)
def test_forms_of_text_that_change_nothing(oracle: OpenAI, text: Any) -> None:
    answer = oracle.responses.create(model="mime", input=SAD, text=text)
    assert answer.text is not None
    assert answer.text.format is not None
    assert (answer.text.format.type, answer.text.verbosity) == ("text", text.get("verbosity"))


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ({"format": {"type": "json_object"}}, "text.format"),
        ({"verbosity": "x"}, "text.verbosity"),
        ({"format": {"type": "text"}, "colour": None}, "text.colour"),
    ],
)
def test_other_forms_of_text_are_refused(oracle: OpenAI, text: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError, match="not supported") as raised:
        oracle.responses.create(model="mime", input=SAD, text=text)
    assert raised.value.param == param


def test_no_logprobs_may_be_asked_for(oracle: OpenAI) -> None:
    for asked in ({"top_logprobs": 0}, {"top_logprobs": 0, "logprobs": False}):
        assert ask(oracle, **asked).choices[0].logprobs is None


def test_streams_of_the_client_s_helper(oracle: OpenAI) -> None:
    with oracle.responses.stream(model="mime", input=SAD) as stream:
        assert stream.get_final_response().output_text
    with oracle.chat.completions.stream(model="mime", messages=MESSAGES) as chat:
        assert chat.get_final_completion().choices[0].message.content


@pytest.mark.parametrize(
    ("options", "message", "param"),
    [
        ({"temperature": 200.0}, "temperature must be in", "temperature"),
        ({"max_completion_tokens": 0}, "max_completion_tokens must be", "max_completion_tokens"),
        ({"n": 1000}, "n must be at most 128", "n"),
        ({"n": 2, "temperature": 0}, "n=2 needs do_sample", "n"),
        ({"top_logprobs": 2}, "needs logprobs=true", "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, r"must be in \[0, 20\]", "top_logprobs"),
        ({"tools": [{"type": "function"}]}, "tools is not supported", "tools"),
        ({"frequency_penalty": 1}, "not supported", "frequency_penalty"),
        ({"response_format": {"type": "json_object"}}, "not supported", "response_format"),
        ({"max_tokens": 3, "max_completion_tokens": 4}, "differ", "max_completion_tokens"),
        ({"extra_body": {"emotion": "hangry"}}, "got 'hangry'", "emotion"),
        ({"extra_body": {"beams": 4}}, "unknown option 'beams'", "beams"),
        ({"seed": "x"}, "Expected `int", "seed"),
        ({"stream_options": {"include_usage": True}}, "needs stream=true", "stream_options"),
    ],
)
def test_what_is_wrong_is_named(
    oracle: OpenAI, options: dict[str, Any], message: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=message) as raised:
        ask(oracle, **options)
    assert raised.value.param == param
    assert raised.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": "Hi"}],
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": " \u200b "}],
        [{"role": "tool", "content": "x"}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
        [{"role": "user"}],
        [{"content": "Hi"}],
        ["Hi"],
    ],
)
def test_wrong_messages(oracle: OpenAI, messages: Any) -> None:
    with pytest.raises(openai.BadRequestError):
        oracle.chat.completions.create(model="mime", messages=messages)


def test_classes_of_errors(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIME_FAST_API_KEYS", "a key".replace(" ", "-") * 3)
    with run(max_body_bytes=5000) as server:
        with connect(server) as stranger, pytest.raises(openai.AuthenticationError):
            ask(stranger)
        with connect(server, api_key="a-key" * 3) as known:
            assert ask(known).choices
            with pytest.raises(openai.NotFoundError, match="no such path"):
                known.embeddings.create(model="mime", input="x")
            with pytest.raises(openai.APIStatusError, match="5000 bytes") as raised:
                known.completions.create(model="mime", prompt="x" * 6000)
            assert raised.value.status_code == 413
            server.state.draining = True
            with pytest.raises(openai.InternalServerError, match="stopped") as raised:
                ask(known)
            assert raised.value.status_code == 503
            server.state.draining = False


def test_the_client_tries_again_when_it_is_told(run: Run) -> None:
    with run(max_running=1, max_waiting=0) as server, connect(server, max_retries=20) as oracle:
        service = server.state.service
        assert service is not None
        slow: Any = {"min_new_tokens": 300, "max_new_tokens": 300}
        with oracle.completions.with_streaming_response.create(
            model="mime", prompt=SAD, n=20, extra_body=slow, stream=True
        ):
            eventually(lambda: service.running == 1)
            with pytest.raises(openai.RateLimitError) as raised:
                ask(oracle.with_options(max_retries=0))
            assert raised.value.code == "queue_full"
            headers = raised.value.response.headers
            assert 0 < int(headers["retry-after-ms"]) <= 1000 * int(headers["retry-after"])
        assert ask(oracle).choices
        assert server.metric("requests_refused_total", reason="queue_full") >= 1
