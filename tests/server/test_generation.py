"""Options of requests: which fields there are, and when a reply is sampled."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import msgspec
import pytest

from mime_fast.config import SAMPLING, GenerationConfig
from mime_fast.server.generation import (
    GenerationFields,
    allowed_options,
    choose_decoding,
    given_options,
)
from mime_fast.server.mime import RespondRequest
from mime_fast.server.openai.chat import ChatRequest
from mime_fast.server.openai.completions import CompletionRequest
from mime_fast.server.openai.response_types import ResponseRequest
from mime_fast.server.options import ServerOptions

GREEDY = {"do_sample": False, **{name: getattr(GenerationConfig, name) for name in SAMPLING}}
SAMPLED = {"do_sample": True, "num_beams": 1}


@pytest.mark.parametrize(
    "request_type", [RespondRequest, ChatRequest, CompletionRequest, ResponseRequest]
)
def test_every_option_of_the_table_is_a_field_of_requests(request_type: Any) -> None:
    names = {field.name for field in msgspec.structs.fields(request_type)}
    assert {field.name for field in fields(GenerationConfig)} <= names


def test_a_value_of_every_option_arrives() -> None:
    values: dict[str, Any] = {field.name: field.default for field in fields(GenerationConfig)}
    values |= {"stop": ["a", "b"], "bad_words": "x", "seed": 7, "emotion": "sad", "logprobs": 3}
    values["crisis_reply"] = "call me"
    decoded = msgspec.json.decode(msgspec.json.encode(values), type=GenerationFields)
    assert given_options(decoded) == values
    GenerationConfig(**given_options(decoded))
    assert given_options(msgspec.json.decode(b'{"seed": null}', type=GenerationFields)) == {}


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ({}, {}),
        ({"seed": 1}, {}),
        ({"temperature": 0}, GREEDY),
        ({"temperature": 1e-9, "top_p": 0.5, "top_k": 3}, GREEDY),
        ({"temperature": 0, "do_sample": True}, GREEDY),
        ({"temperature": 1}, SAMPLED),
        ({"temperature": 0.5}, SAMPLED),
        ({"top_p": 0.5}, SAMPLED),
        ({"top_p": 1.0}, {}),
        ({"mbr_samples": 8}, SAMPLED),
        ({"best_of": 8}, SAMPLED),
        ({"num_return_sequences": 2}, SAMPLED),
        ({"num_return_sequences": 2, "num_beams": 4}, {}),
        ({"temperature": 1.0, "num_beams": 4}, {}),
        ({"temperature": 0.5, "do_sample": True}, {}),
        ({"temperature": -1}, SAMPLED),
    ],
)
def test_when_a_reply_is_sampled(given: dict[str, Any], added: dict[str, Any]) -> None:
    options = dict(given)
    choose_decoding(options, GenerationConfig())
    assert options == {**given, **added}


def test_a_temperature_belongs_to_the_sampling_of_the_defaults() -> None:
    defaults = GenerationConfig(do_sample=True, temperature=0.5, best_of=8)
    for given, ranked in (({"temperature": 0.9}, 8), ({"num_return_sequences": 9}, 0)):
        options: dict[str, Any] = dict(given)
        choose_decoding(options, defaults)
        config = defaults.overridden(options)
        assert (config.do_sample, config.best_of) == (True, ranked)


def test_the_servers_defaults_give_way() -> None:
    beams, samples = GenerationConfig(num_beams=4), GenerationConfig(do_sample=True, mbr_samples=8)
    for defaults, given in ((beams, {"temperature": 0.5}), (samples, {"temperature": 0})):
        options: dict[str, Any] = dict(given)
        choose_decoding(options, defaults)
        config = defaults.overridden(options)
        assert config.do_sample == bool(given["temperature"])
        assert (config.num_beams, config.mbr_samples) == (1, 0)
    several: dict[str, Any] = {"num_return_sequences": 3}
    choose_decoding(several, beams)
    assert several == {"num_return_sequences": 3}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_beams": 11}, "num_beams must be at most 10"),
        ({"num_return_sequences": 11}, "num_return_sequences must be at most 10"),
        ({"mbr_samples": 11}, "mbr_samples must be at most 10"),
        ({"best_of": 11}, "best_of must be at most 10"),
        ({"logprobs": 21}, "logprobs must be at most 20"),
        ({"logprobs": 10**6}, "logprobs must be at most 20"),
        ({"stop": ["a"] * 65}, "stop must hold at most 64 texts"),
        ({"bad_words": ["a"] * 60_000}, "bad_words must hold at most 64 texts"),
        ({"stop": "a" * 10_001}, "stop must hold at most 10000 characters"),
        ({"bad_words": ["a" * 5001] * 2}, "bad_words must hold at most 10000 characters"),
        ({"num_beams": 10, "max_new_tokens": 101}, "max_new_tokens must be at most 100 for 10"),
        ({"num_beams": 1, "max_new_tokens": 1001}, "max_new_tokens must be at most 1000 for 1"),
        ({"mbr_samples": 5, "do_sample": True, "max_new_tokens": 201}, "at most 200 for 5"),
        (
            {"num_return_sequences": 4, "best_of": 8, "do_sample": True, "max_new_tokens": 126},
            "at most 125 for 8 replies",
        ),
    ],
)
def test_a_request_may_not_ask_for_more_than_the_server_gives(
    given: dict[str, Any], message: str
) -> None:
    limits = ServerOptions(max_sequences=10, max_request_tokens=1000)
    with pytest.raises(ValueError, match=message):
        allowed_options(given, GenerationConfig(), limits)


def test_what_a_server_gives() -> None:
    limits = ServerOptions(max_sequences=10, max_request_tokens=1000)
    given: dict[str, Any] = {"num_beams": 10, "max_new_tokens": 100, "logprobs": 20}
    given |= {"stop": ["a"] * 64, "bad_words": "a" * 10_000}
    assert allowed_options(given, GenerationConfig(), limits).max_new_tokens == 100
    ranked = GenerationConfig(do_sample=True, best_of=8)
    with pytest.raises(ValueError, match="at most 125 for 8"):
        allowed_options({"max_new_tokens": 126}, ranked, limits)
    greedy = allowed_options({"max_new_tokens": 1000, "do_sample": False}, ranked, limits)
    assert greedy.max_new_tokens == 1000
