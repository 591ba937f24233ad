"""GenerationConfig and ModelConfig: what they accept, and what an error says."""

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.config import GenerationConfig, ModelConfig
from mime_fast.emotions import EMOTIONS
from mime_fast.options import Entry, table
from mime_fast.systems import SYSTEMS

NAN, INFINITY = math.nan, math.inf

OUT_OF_RANGE: list[tuple[str, Any]] = [
    *(("max_new_tokens", value) for value in (0, -1, 5.0, "5", None, True)),
    *(("num_beams", value) for value in (0, 1.0, 1001)),
    *(("num_return_sequences", value) for value in (0, "1", 10_001)),
    *((name, value) for name in ("mbr_samples", "best_of") for value in (-1, 2.0, 1001)),
    *((name, -1) for name in ("min_new_tokens", "top_k", "no_repeat_ngram_size")),
    *(("length_penalty", value) for value in (-10.5, 11, NAN, "1")),
    *(("temperature", value) for value in (0, 0.009, -1, 101, NAN, INFINITY, True)),
    *(("top_p", value) for value in (0, 0.0, 1.3, -0.1, NAN)),
    *(("min_p", value) for value in (-0.01, 1.01, NAN, None)),
    *(("repetition_penalty", value) for value in (0, 100.5, -INFINITY)),
    *((name, 1) for name in ("early_stopping", "do_sample", "return_scores")),
    ("stochastic_emotion", None),
    *(("seed", value) for value in (-1, 2**64, 1.5, True, "7")),
    *(("early_stopping", value) for value in (0, None, "Never", "always", ["never"])),
    *(("logprobs", value) for value in (-1, True, 1.0, "3")),
    *((name, value) for name in ("stop", "bad_words") for value in (3, [b"a"], {"a": 1}, [["a"]])),
]
# What other tools use to turn an option off, and what does it here.
OFF = [
    *(("temperature", value, "use do_sample=False") for value in (0, 0.0, None)),
    *(
        (name, value, "0 is off")
        for name in ("top_k", "min_p", "no_repeat_ngram_size")
        for value in (-1, None)
    ),
    *(
        (name, value, "0 is off")
        for name in ("mbr_samples", "min_new_tokens")
        for value in (-1, None)
    ),
    *(
        (name, value, "1 is off")
        for name in ("top_p", "repetition_penalty")
        for value in (0, -1, None)
    ),
    *(("num_beams", value, "1 is no beam") for value in (0, -1, None)),
    *(("num_return_sequences", value, "1 is one reply") for value in (0, -1, None)),
    ("length_penalty", None, "0 is off"),
    *(
        ("max_new_tokens", value, "every reply has a limit, at most the checkpoint's max_positions")
        for value in (-1, 0, None)
    ),
    ("seed", -1, "None draws one"),
    ("logprobs", -1, "None is off, and a number above the vocabulary's size lists all"),
    ("emotion", "", "None is the emotion that the model recognises"),
]
IN_RANGE: list[dict[str, Any]] = [
    {"max_new_tokens": 1},
    {"min_new_tokens": 0},
    {"min_new_tokens": 50},
    {"length_penalty": -10},
    {"length_penalty": 10.0},
    {"do_sample": True, "temperature": 0.01},
    {"do_sample": True, "temperature": 100},
    {"do_sample": True, "top_p": 5e-324},
    {"do_sample": True, "top_k": 2**70},
    {"do_sample": True, "min_p": 1},
    {"do_sample": True, "num_return_sequences": 9},
    {"do_sample": True, "num_return_sequences": 9, "mbr_samples": 9},
    {"do_sample": True, "num_return_sequences": 9, "best_of": 9},
    {"num_beams": 3, "num_return_sequences": 3},
    {"repetition_penalty": 0.01},
    {"seed": 0},
    {"seed": 2**64 - 1},
    {"emotion": "apprehensive"},
]
MODEL_OUT_OF_RANGE = [
    ("vocab_size", 7),
    ("architecture", "empdg"),
    ("architecture", ["mime"]),
    ("top_listeners", 33),
    ("mimicry", 1),
    ("hidden_dim", 3),
    ("num_heads", 0),
    ("key_dim", 0),
    ("filter_dim", True),
    ("num_layers", 1.0),
    ("latent_dim", 0),
    ("max_positions", 1),
    *(("dropout", value) for value in (1, 1.0, -0.1, NAN, "0")),
    ("tie_embeddings", 0),
    ("mean_query", None),
    ("shared_log_variance", "true"),
    ("shared_response_encoder", 1),
    ("padding_leak", 1),
    ("objective", "vae"),
]

SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VISIBLE = st.characters(exclude_categories=("C", "M"))
ANYTHING = SCALAR | st.lists(SCALAR, max_size=2)
GENERATION_OPTIONS = st.fixed_dictionaries(
    {"do_sample": st.just(value=True)},
    optional={
        "max_new_tokens": st.integers(9, 2**40),
        "min_new_tokens": st.integers(0, 9),
        "length_penalty": st.floats(-10, 10),
        "temperature": st.floats(0.01, 100),
        "top_k": st.integers(0, 2**40),
        "top_p": st.floats(0, 1, exclude_min=True),
        "min_p": st.floats(0, 1),
        "num_return_sequences": st.integers(1, 9),
        "mbr_samples": st.just(0) | st.integers(9, 1000),
        "seed": st.none() | st.integers(0, 2**64 - 1),
        "emotion": st.none() | st.sampled_from(EMOTIONS),
        "early_stopping": st.sampled_from([True, False, "never"]),
        "stop": st.none() | st.text(VISIBLE, min_size=1) | st.lists(st.text(VISIBLE, min_size=1)),
        "bad_words": st.lists(st.text("ab", min_size=1)),
        "logprobs": st.none() | st.integers(0, 2**40),
    },
)
MODEL_OPTIONS = st.fixed_dictionaries(
    {"vocab_size": st.integers(8, 2**20)},
    optional={
        "num_layers": st.integers(1, 12),
        "max_positions": st.integers(2, 5000),
        "dropout": st.floats(0, 1, exclude_max=True),
        "tie_embeddings": st.booleans(),
        "objective": st.sampled_from(["cvae", "released"]),
    },
)


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
def test_an_option_out_of_range_is_named_with_its_value(name: str, value: object) -> None:
    message = rf"^{name} must be .+, got {re.escape(repr(value))}(; .+)?$"
    with pytest.raises(ValueError, match=message):
        GenerationConfig.from_dict({name: value})


@pytest.mark.parametrize(("name", "value", "hint"), OFF)
def test_what_turns_an_option_off_elsewhere_names_what_does_it_here(
    name: str, value: object, hint: str
) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be .*got {value!r}; .*{re.escape(hint)}"):
        GenerationConfig.from_dict({"do_sample": True, name: value})


@pytest.mark.parametrize("name", ["stop", "bad_words"])
def test_strings_of_a_reply(name: str) -> None:
    for value, kept in (("a b", ("a b",)), (["a", "B"], ("a", "B")), (None, ()), ([], ())):
        assert getattr(GenerationConfig.from_dict({name: value}), name) == kept
    with pytest.raises(ValueError, match=rf"{name} must hold no empty string, got \['a', ''\]"):
        GenerationConfig.from_dict({name: ["a", ""]})


def test_a_blank_may_stop_a_reply_and_is_no_word() -> None:
    assert GenerationConfig(stop=(" ", "\n")).stop == (" ", "\n")
    with pytest.raises(ValueError, match="bad_words must hold words, got ' '"):
        GenerationConfig(bad_words=("a", " "))


@pytest.mark.parametrize(
    "text", ["\u200b", "\ufeff\ufe0f", "\u3164", "\x07", "\ud800", "\u00ad\u200b"]
)
def test_strings_that_no_reply_can_hold_are_errors(text: str) -> None:
    got = re.escape(ascii(text))
    with pytest.raises(ValueError, match=rf"^bad_words must hold words, got {got}.*; leave it out"):
        GenerationConfig(bad_words=("a", text))
    with pytest.raises(ValueError, match=rf"^stop must hold text, got {got}.*; leave it out"):
        GenerationConfig(stop=("a", text))


@pytest.mark.parametrize("text", ["!", "\u4f60\u597d", "\U0001f600", "do\u200bg"])
def test_a_bad_word_may_be_any_word_of_a_text(text: str) -> None:
    assert GenerationConfig(bad_words=(text,), stop=(text,)).bad_words == (text,)


@pytest.mark.parametrize("options", IN_RANGE)
def test_the_ends_of_the_ranges_are_inside(options: dict[str, Any]) -> None:
    config = GenerationConfig(**options)
    assert {name: getattr(config, name) for name in options} == options


@pytest.mark.parametrize("emotion", ["happy", "Sad", "", 5])
def test_an_unknown_emotion_lists_the_known_ones(emotion: Any) -> None:
    with pytest.raises(
        ValueError, match=rf"emotion must be one of .*sad, .*terrified, .*, got {emotion!r}; "
    ):
        GenerationConfig(emotion=emotion)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_new_tokens": 51}, r"min_new_tokens \(51\) must not exceed max_new_tokens \(50\)"),
        ({"do_sample": True, "num_beams": 5}, r"num_beams=5; use one of the two"),
        ({"temperature": 0.7}, r"temperature=0.7 needs do_sample=True"),
        ({"top_k": 3}, r"top_k=3 needs do_sample=True"),
        ({"top_p": 0.9, "num_beams": 4}, r"top_p=0.9 needs do_sample=True"),
        ({"min_p": 0.1}, r"min_p=0.1 needs do_sample=True"),
        ({"mbr_samples": 4}, r"mbr_samples=4 needs do_sample=True"),
        (
            {"do_sample": True, "mbr_samples": 4, "num_return_sequences": 5},
            r"num_return_sequences \(5\) must not exceed mbr_samples \(4\)",
        ),
        ({"best_of": 4}, r"best_of=4 needs do_sample=True"),
        (
            {"do_sample": True, "best_of": 4, "num_return_sequences": 5},
            r"num_return_sequences \(5\) must not exceed best_of \(4\)",
        ),
        (
            {"do_sample": True, "best_of": 4, "mbr_samples": 5},
            r"mbr_samples=5 does not go with best_of=4; use one of the two",
        ),
        ({"num_return_sequences": 2}, r"=2 needs do_sample=True or num_beams >= 2"),
        ({"num_return_sequences": 6, "num_beams": 5}, r"=6 needs .* num_beams >= 6"),
    ],
)
def test_an_illegal_combination_names_the_remedy(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GenerationConfig(**options)


def test_generation_defaults_are_greedy() -> None:
    config = GenerationConfig()
    assert (config.num_beams, config.do_sample, config.max_new_tokens) == (1, False, 50)
    assert (config.min_new_tokens, config.length_penalty, config.seed) == (1, 1.0, None)


@pytest.mark.parametrize(
    ("options", "needs"),
    [
        ({}, False),
        ({"do_sample": True}, False),
        ({"return_scores": True}, True),
        ({"num_beams": 2}, True),
        ({"do_sample": True, "num_return_sequences": 2}, True),
        ({"do_sample": True, "mbr_samples": 2}, False),
    ],
)
def test_scores_are_computed_only_for_those_who_ask(
    options: dict[str, Any], *, needs: bool
) -> None:
    assert GenerationConfig(**options).needs_scores is needs


@pytest.mark.parametrize(("name", "value"), MODEL_OUT_OF_RANGE)
def test_a_model_size_out_of_range_is_named_with_its_value(name: str, value: object) -> None:
    message = rf"^{name} must be .+, got {re.escape(repr(value))}(; .+)?$"
    with pytest.raises(ValueError, match=message):
        ModelConfig.from_dict({"vocab_size": 100, name: value})


def test_dropout_may_come_close_to_one() -> None:
    assert ModelConfig(vocab_size=8, dropout=1 - 2**-53).dropout < 1


def test_the_heads_must_divide_their_width() -> None:
    message = r"key_dim must be a multiple of num_heads \(3\), got 40"
    with pytest.raises(ValueError, match=message):
        ModelConfig(vocab_size=100, num_heads=3)


@pytest.mark.parametrize("kind", [GenerationConfig, ModelConfig])
@pytest.mark.parametrize("key", ["num_beam", "Seed", ""])
def test_an_unknown_key_is_an_error_that_lists_the_known_ones(
    kind: type[GenerationConfig | ModelConfig], key: str
) -> None:
    known = re.escape(", ".join(sorted(field.name for field in dataclasses.fields(kind))))
    with pytest.raises(
        ValueError, match=rf"unknown {kind.__name__} option {key!r}; known: {known}"
    ):
        kind.from_dict({key: 1})


def test_several_unknown_keys_are_all_named() -> None:
    with pytest.raises(ValueError, match=r"'beams', 'max_length'; known"):
        GenerationConfig().replace(max_length=3, beams=2)


@given(options=GENERATION_OPTIONS)
def test_generation_config_survives_json(options: dict[str, Any]) -> None:
    config = GenerationConfig.from_dict(options)
    assert GenerationConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@given(options=MODEL_OPTIONS)
def test_model_config_survives_json(options: dict[str, Any]) -> None:
    config = ModelConfig.from_dict(options)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@given(
    options=st.dictionaries(
        st.sampled_from(sorted(GenerationConfig().to_dict())), ANYTHING, max_size=4
    )
)
def test_any_value_is_accepted_or_a_value_error(options: dict[str, Any]) -> None:
    try:
        config = GenerationConfig.from_dict(options)
    except ValueError as error:
        assert any(name in str(error) for name in options)  # noqa: PT017 - both ends are right
    else:
        kept = {
            name: strings(value) if name in STRINGS else value for name, value in options.items()
        }
        assert config.to_dict() == GenerationConfig().to_dict() | kept


STRINGS = ("stop", "bad_words")


def strings(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


@given(
    options=st.dictionaries(
        st.sampled_from(sorted(ModelConfig(vocab_size=8).to_dict())), ANYTHING, max_size=4
    )
)
def test_any_model_value_is_accepted_or_a_value_error(options: dict[str, Any]) -> None:
    try:
        config = ModelConfig.from_dict({"vocab_size": 8} | options)
    except ValueError as error:
        assert any(name in str(error) for name in options)  # noqa: PT017 - both ends are right
    else:
        implied = {"mimicry": False} if options.get("grouping") is False else {}
        assert config.to_dict() == ModelConfig(vocab_size=8).to_dict() | options | implied


def test_replace_keeps_the_rest_and_the_original() -> None:
    config = GenerationConfig(seed=3, num_beams=4)
    changed = config.replace(num_beams=2)
    assert changed == GenerationConfig(seed=3, num_beams=2)
    assert config.num_beams == 4


def test_replace_checks_the_combination() -> None:
    with pytest.raises(ValueError, match="use one of the two"):
        GenerationConfig(num_beams=2).replace(do_sample=True)


def test_configs_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        GenerationConfig().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "moel", "mimicry": False}, "mimicry=False is an option of mime"),
        ({"architecture": "multi_tr", "latent_dim": 9}, "latent_dim=9 is an option of mime"),
        (
            {"top_listeners": 3},
            "top_listeners=3 is an option of moel",
        ),
        ({"grouping": False, "shared_log_variance": True}, "grouping=False has one encoder"),
    ],
)
def test_options_of_other_systems_are_not_ignored(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig(vocab_size=9, **options)


@pytest.mark.parametrize(
    ("options", "latents", "mimics", "reads_emotion"),
    [
        ({}, 2, True, True),
        ({"mimicry": False}, 2, False, False),
        ({"grouping": False}, 1, False, False),
        ({"stochastic": False}, 0, True, True),
        ({"share_emotion_embedding": False}, 2, True, True),
        ({"architecture": "multi_tr"}, 0, False, False),
        ({"architecture": "moel"}, 0, False, True),
    ],
)
def test_what_follows_from_the_options(
    options: dict[str, Any], latents: int, mimics: bool, reads_emotion: bool
) -> None:
    config = ModelConfig(vocab_size=9, **options)
    assert (config.latents, config.mimics, config.reads_emotion) == (latents, mimics, reads_emotion)


def test_without_grouping_there_is_no_mimicry() -> None:
    assert not ModelConfig(vocab_size=9, grouping=False).mimicry


@pytest.mark.parametrize("architecture", SYSTEMS)
def test_a_config_keeps_its_own_options_only(architecture: str) -> None:
    config = ModelConfig(vocab_size=9, architecture=architecture)
    values = config.to_dict()
    assert ("top_listeners" in values) == (architecture == "moel")
    assert ("mimicry" in values) == (architecture == "mime")
    assert ModelConfig.from_dict(values) == config


def test_the_page_of_options_has_each_with_its_default_and_range() -> None:
    page = (Path(__file__).parents[1] / "docs/generation.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \| `(.+?)` \| (.*?) ?\|", page, re.MULTILINE))
    assert rows == {
        (entry.name, repr(entry.default), values(entry)) for entry in table(GenerationConfig)
    }


def values(entry: Entry) -> str:
    if entry.option.within:
        return entry.option.within.text
    few = entry.option.choices if len(entry.option.choices) < len(EMOTIONS) else ("an emotion",)
    return ", ".join(str(choice) for choice in few)


DEFAULTS = GenerationConfig(do_sample=True, temperature=0.4, best_of=4, no_repeat_ngram_size=4)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, DEFAULTS),
        ({"seed": 3, "temperature": 0.9}, DEFAULTS.replace(seed=3, temperature=0.9)),
        ({"do_sample": False}, GenerationConfig(no_repeat_ngram_size=4)),
        ({"num_beams": 5}, GenerationConfig(num_beams=5, no_repeat_ngram_size=4)),
        (
            {"do_sample": True, "top_k": 3},
            GenerationConfig(do_sample=True, top_k=3, no_repeat_ngram_size=4),
        ),
        ({"mbr_samples": 16}, DEFAULTS.replace(best_of=0, mbr_samples=16)),
        ({"no_repeat_ngram_size": 0}, DEFAULTS.replace(no_repeat_ngram_size=0)),
    ],
    ids=str,
)
def test_a_call_that_chooses_its_search_gets_no_search_of_the_defaults(
    given: dict[str, Any], expected: GenerationConfig
) -> None:
    assert DEFAULTS.overridden(given) == expected


def test_what_overrides_defaults_is_checked() -> None:
    with pytest.raises(ValueError, match="unknown GenerationConfig option 'beams'"):
        DEFAULTS.overridden({"beams": 3})
    with pytest.raises(ValueError, match="temperature"):
        DEFAULTS.overridden({"temperature": 0})
