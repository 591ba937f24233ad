"""Replies of libmime_fast: those of Generator, for the same checkpoint, options and seed."""

from __future__ import annotations

import ctypes
import math
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import mime_fast
from mime_fast import Generator
from mime_fast.bundled import folder_of
from mime_fast.types import Response, TokenLogprobs
from tests.capi.library import Library, LibraryError, Loaded, Options

GREEDY: dict[str, Any] = {"do_sample": False, "seed": 3}
MESSAGES = (
    "I lost my dog yesterday.",
    "I got the job!!! \U0001f389",
    "My best friend is moving away & I don't know what to do...",
    "Zzyzx qwertz",
    "i can't sleep: the neighbours' party (again)",
)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator("mime-small", engine="native", intra_threads=1)


@pytest.fixture(scope="module")
def loaded(library: Library) -> Loaded:
    return library.load(folder_of("mime-small"), threads=1)


def same(found: dict[str, Any], expected: Response) -> None:
    """Compare every fact but the times."""
    for name in ("text", "finish_reason", "emotion", "polarity", "seed", "prompt_tokens"):
        assert found[name] == getattr(expected, name), name
    for name in ("dropped_turns", "dropped_words", "words", "unknown_words"):
        assert found[name] == getattr(expected, name), name
    assert [each[:3] for each in found["candidates"]] == [
        (each.text, each.finish_reason, each.tokens) for each in expected.candidates
    ]
    assert [each[3] for each in found["candidates"]] == [
        None if each.score is None else pytest.approx(each.score, rel=1e-12)
        for each in expected.candidates
    ]
    for each, candidate in zip(found["candidates"], expected.candidates, strict=True):
        same_logprobs(each[4], candidate.logprobs or [])
    assert found["emotions"] == pytest.approx(expected.emotions, rel=1e-9)
    mixture = expected.mixture
    assert found["mixture"] == mixture.positive | mixture.negative
    assert found["mimicked"] == mixture.mimicked
    crisis = expected.crisis
    assert found["crisis"] == (crisis and (crisis.category, crisis.about, crisis.turn))


def same_logprobs(found: list[tuple[Any, ...]], expected: list[TokenLogprobs]) -> None:
    """Compare the tokens exactly, and their log-probabilities as sums in another order."""
    assert len(found) == len(expected)
    for (token, word, logprob, top), scored in zip(found, expected, strict=True):
        assert [(token, word), *(each[:2] for each in top)] == [
            (each.token, each.word) for each in (scored, *scored.top)
        ]
        assert [logprob, *(each[2] for each in top)] == pytest.approx(
            [each.logprob for each in (scored, *scored.top)], rel=1e-9
        )


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1])
def test_default_replies(loaded: Loaded, generator: Generator, message: str, seed: int) -> None:
    same(loaded.respond(message, seed=seed), generator.respond(message, seed=seed))


@pytest.mark.parametrize(
    "options",
    [
        {"do_sample": False},
        {"do_sample": False, "speculation": False, "stochastic_emotion": False},
        {"do_sample": False, "return_scores": True, "min_new_tokens": 12},
        {"num_beams": 4, "num_return_sequences": 3},
        {"num_beams": 3, "length_penalty": 0.0, "early_stopping": "never"},
        {"num_beams": 3, "length_penalty": -1.5, "early_stopping": False, "max_new_tokens": 9},
        {"do_sample": True, "temperature": 1.3, "top_k": 40, "top_p": 0.9, "min_p": 0.01},
        {"do_sample": True, "num_return_sequences": 4},
        {"mbr_samples": 16, "num_return_sequences": 3},
        {"do_sample": True, "best_of": 12, "num_return_sequences": 12},
        {"best_of": 3, "temperature": 0.8},
        {"do_sample": False, "stop": [" sorry", "\u00e9"]},
        {"stop": ["!", "I hope"]},
        {"num_beams": 3, "stop": ["."]},
        {"do_sample": False, "bad_words": ["sorry", "I am", "zzyzx"]},
        {"do_sample": False, "repetition_penalty": 1.5, "no_repeat_ngram_size": 2},
        {"emotion": "joyful"},
        {"emotion": "devastated", "avoid_cheer": False},
        {"do_sample": False, "emotion": "proud", "avoid_cheer": True},
        {"do_sample": False, "logprobs": 0, "repetition_penalty": 1.5},
        {"num_beams": 3, "num_return_sequences": 3, "logprobs": 3, "stop": ["."]},
        {"do_sample": True, "num_return_sequences": 35, "logprobs": 1, "max_new_tokens": 6},
        {"best_of": 4, "logprobs": 20_000, "max_new_tokens": 2},
    ],
    ids=str,
)
def test_options(loaded: Loaded, generator: Generator, options: dict[str, Any]) -> None:
    for message in MESSAGES[:3]:
        found = loaded.respond(message, seed=5, **options)
        expected = generator.respond(message, seed=5, **options)
        same(found, expected)
        pieces, streamed = loaded.stream(message, seed=5, **options)
        same(streamed, expected)
        assert "".join(pieces) == found["text"]
        events = [event.text for event in generator.stream(message, seed=5, **options)]
        assert pieces == [text for text in events if text]


def test_histories(loaded: Loaded, generator: Generator) -> None:
    turns = ["I lost my dog.", "Oh no! What happened?", "He ran away."]
    same(loaded.respond(*turns, seed=1), generator.respond(turns, seed=1))
    long = [word * 700 for word in ("dog ", "sad ", "why ")]
    found = loaded.respond(*long, **GREEDY)
    same(found, generator.respond(long, **GREEDY))
    assert found["dropped_turns"] == 2
    same(loaded.respond("dog " * 1500, **GREEDY), generator.respond("dog " * 1500, **GREEDY))


@pytest.mark.parametrize(
    "turns",
    [
        ["I want to kill myself tonight"],
        ["k1ll mys3lf"],
        ["my friend wants to die"],
        ["he beat me up again"],
        ["I took all the pills"],
        ["I want to die", "Oh no.", "Yes, tonight."],
    ],
)
def test_crises(loaded: Loaded, generator: Generator, turns: list[str]) -> None:
    found = loaded.respond(*turns, seed=1, num_beams=3, num_return_sequences=2)
    same(found, generator.respond(turns, seed=1, num_beams=3, num_return_sequences=2))
    assert found["finish_reason"] == "crisis"
    assert found["crisis"]
    pieces, _ = loaded.stream(*turns, seed=1)
    assert pieces == [found["text"]]
    flagged = loaded.respond(*turns, on_crisis="flag", **GREEDY)
    same(flagged, generator.respond(turns, on_crisis="flag", **GREEDY))
    same(
        loaded.respond(*turns, on_crisis="off", **GREEDY),
        generator.respond(turns, on_crisis="off", **GREEDY),
    )
    own = loaded.respond(*turns, crisis_reply="Please call 123.", seed=1)
    assert own["text"] == "Please call 123."


# The small model recognises positive emotions in these, and its greedy replies are cheerful. To
# some of the deaths all that it says is careless, too.
GRAVE = {
    "The best man I ever knew is gone. My dad passed at dawn.": {"careful", "stop"},
    "We celebrated her birthday, and now Mum has been diagnosed with cancer.": {"careful", "stop"},
    "We celebrated her last birthday yesterday, and this morning Mum didn\u2019t open her eyes.": {
        "careful"
    },
    "My mother won her last game of cards on Friday and died on Saturday, still smiling.": {
        "careful"
    },
}


@pytest.mark.parametrize(("message", "reasons"), GRAVE.items())
def test_every_reply_suits_a_grave_message(
    loaded: Loaded, generator: Generator, message: str, reasons: set[str]
) -> None:
    seen = set()
    every: tuple[dict[str, Any], ...] = (
        {},
        {"do_sample": True, "num_return_sequences": 6},
        {"num_beams": 3, "num_return_sequences": 3},
        {"do_sample": False},
    )
    for options in every:
        expected = generator.respond(message, seed=2, **options)
        found = loaded.respond(message, seed=2, **options)
        same(found, expected)
        pieces, _ = loaded.stream(message, seed=2, **options)
        assert pieces == [expected.text]
        seen |= {each[1] for each in found["candidates"]}
    assert seen == reasons


def test_a_seed_is_drawn_and_repeats_the_reply(loaded: Loaded) -> None:
    first, second = loaded.respond("I am sad"), loaded.respond("I am sad")
    assert first["seed"] != second["seed"]
    again = loaded.respond("I am sad", seed=first["seed"])
    assert again["candidates"] == first["candidates"]


def test_a_stream_can_be_given_up(loaded: Loaded) -> None:
    options: dict[str, Any] = {"emotion": "joyful", "do_sample": False, "seed": 1}
    pieces, _ = loaded.stream("I got the job!", **options)
    assert len(pieces) > 3
    with pytest.raises(LibraryError, match="given up") as caught:
        loaded.stream("I got the job!", most=2, **options)
    assert caught.value.status == "cancelled"


def test_threads_share_a_generator(loaded: Loaded) -> None:
    calls = [(message, seed) for message in MESSAGES for seed in range(6)]
    expected = [loaded.respond(message, seed=seed)["candidates"] for message, seed in calls]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda call: loaded.respond(call[0], seed=call[1]), calls))
    assert [each["candidates"] for each in found] == expected


@pytest.mark.parametrize("compute_type", ["float32", "bfloat16"])
def test_types_and_threads(library: Library, compute_type: str) -> None:
    options: dict[str, Any] = {"engine": "native", "compute_type": compute_type}
    expected = Generator("mime-small", intra_threads=2, **options).respond(MESSAGES[0], seed=2)
    loaded = library.load(folder_of("mime-small"), compute_type=compute_type, threads=2)
    same(loaded.respond(MESSAGES[0], seed=2), expected)
    same(
        library.load(folder_of("mime-small"), compute_type=compute_type).respond(
            MESSAGES[0], seed=2
        ),
        expected,
    )


def test_text(library: Library, loaded: Loaded) -> None:
    assert loaded.tokenize("I'm  sad :( \U0001f415!") == "i am sad : ( \U0001f415 !"
    assert library.detokenize("i 'm sad : ( .") == "I'm sad :(."
    assert loaded.tokenize("") == library.detokenize("") == ""
    length = ctypes.c_size_t()
    buffer = ctypes.create_string_buffer(b"xxxxxxxx")
    c = library.c
    assert c.mime_fast_detokenize(b"i am sad", buffer, 4, ctypes.byref(length)) == 0
    assert (buffer.raw, length.value) == (b"I a\0xxxx\0", 8)


@pytest.mark.parametrize("text", ["a \u00e9 \u4f60 \U0001f415", "\U0001f415\U0001f415"])
def test_a_text_that_does_not_fit_is_cut_between_characters(library: Library, text: str) -> None:
    whole, length = library.detokenize(text), ctypes.c_size_t()
    for capacity in range(1, len(whole.encode()) + 2):
        buffer = ctypes.create_string_buffer(capacity)
        library.c.mime_fast_detokenize(text.encode(), buffer, capacity, ctypes.byref(length))
        assert buffer.value.decode() == whole.encode()[: capacity - 1].decode(errors="ignore")
        assert length.value == len(whole.encode())


@pytest.mark.parametrize("prefix", ["", "x", "xx", "xxx"])
def test_a_long_error_is_cut_between_characters(library: Library, prefix: str) -> None:
    with pytest.raises(LibraryError, match="no checkpoint directory at") as caught:
        library.load(prefix + 6 * ("/" + "\U0001f415" * 60))
    assert 1020 <= len(str(caught.value).encode()) < 1024


def test_the_version(library: Library) -> None:
    assert library.c.mime_fast_version().decode() == mime_fast.__version__


@pytest.mark.parametrize(
    ("turns", "options", "error"),
    [
        ([""], {}, "turn 1 is empty; write at least one word"),
        (["\u200b"], {}, "turn 1 is .*, which holds no word"),
        ([b"\xff\xfe"], {}, "turn 1 is not valid UTF-8"),
        ([], {}, "an odd number of turns .* got 0"),
        (["hi", "oh"], {}, "an odd number of turns .* got 2"),
        (["hi"], {"top_p": 1.3, "do_sample": True}, r"top_p must be in \(0, 1\], got 1.3"),
        (["hi"], {"top_p": 0.5, "do_sample": False}, "top_p=0.5 needs do_sample=true"),
        (["hi"], {"temperature": 0.0}, r"temperature must be in \[0.01, 100\], got 0"),
        (["hi"], {"best_of": 1001}, r"best_of must be in \[0, 1000\], got 1001"),
        (["hi"], {"best_of": 4, "mbr_samples": 4}, "mbr_samples=4 does not go with best_of=4"),
        (["hi"], {"num_beams": 0}, r"num_beams must be in \[1, 1000\], got 0"),
        (["hi"], {"num_beams": 4, "do_sample": True}, "does not go with num_beams=4"),
        (
            ["hi"],
            {"num_return_sequences": 9},
            r"num_return_sequences \(9\) must not exceed best_of \(4\)",
        ),
        (["hi"], {"num_beams": 2, "num_return_sequences": 3}, "num_beams >= 3"),
        (["hi"], {"max_new_tokens": 0}, "max_new_tokens must be at least 1, got 0"),
        (["hi"], {"max_new_tokens": -7, "min_new_tokens": -9}, "must be at least 1, got -7"),
        (["hi"], {"max_new_tokens": 1001}, "must be at most 1000 .* got 1001"),
        (["hi"], {"min_new_tokens": 51}, r"min_new_tokens \(51\) must not exceed"),
        (["hi"], {"emotion": "sadd"}, 'unknown emotion "sadd"; use one of: afraid, angry'),
        (["hi"], {"stop": [""]}, "stop must hold no empty text"),
        (["hi"], {"stop": [b"a\xe2\x82"]}, "stop is not valid UTF-8 at byte 1"),
        (["hi"], {"bad_words": ["hi", b"\xff"]}, "bad_words is not valid UTF-8"),
        (["hi"], {"emotion": b"\xed\xa0\x80"}, "emotion is not valid UTF-8"),
        (["hi"], {"crisis_reply": b"\xc0\x80"}, "crisis_reply is not valid UTF-8"),
        (["hi"], {"stop": ["\u200b"]}, "stop must hold text, got .*, which is invisible"),
        (["hi"], {"bad_words": [" "]}, "bad_words must hold words"),
        (["hi"], {"crisis_reply": " "}, "crisis_reply must hold a text"),
        (["hi"], {"crisis_reply": "a", "on_crisis": "off"}, "needs on_crisis=reply"),
        (["hi"], {"logprobs": -2}, "logprobs must be at least 0, got -2"),
        (["hi"], {"do_sample": 2}, "do_sample must be 0, 1 or MIME_FAST_DEFAULT, got 2"),
        (["hi"], {"size": 10**6}, "header and library of one version"),
        (["hi"], {"size": 0}, "call mime_fast_options_init"),
    ],
)
def test_what_is_refused(
    loaded: Loaded, turns: list[str], options: dict[str, Any], error: str
) -> None:
    with pytest.raises(LibraryError, match=error) as caught:
        loaded.respond(*turns, **options)
    assert caught.value.status == "invalid_argument"


FIRST_SIZE = Options.avoid_cheer.offset + Options.avoid_cheer.size


def test_another_header_has_its_own_size(library: Library, loaded: Loaded) -> None:
    newer = ctypes.sizeof(Options) + 16
    for size in (FIRST_SIZE, newer):
        memory = ctypes.create_string_buffer(b"\xaa" * (newer + 8))
        library.c.mime_fast_options_init_sized(memory, ctypes.c_size_t(size))
        assert memory.raw[size : newer + 8] == b"\xaa" * (newer + 8 - size)
        assert Options.from_buffer(memory).size == size
        assert Options.from_buffer(memory).max_new_tokens == -1
    assert loaded.respond("I am sad", size=FIRST_SIZE, **GREEDY)["text"]
    with pytest.raises(LibraryError, match="header and library of one version"):
        loaded.respond("I am sad", size=newer, **GREEDY)


@pytest.mark.parametrize("size", [0, 8, Options.avoid_cheer.offset])
def test_a_size_that_no_version_had_is_refused(loaded: Loaded, size: int) -> None:
    with pytest.raises(LibraryError, match="call mime_fast_options_init before"):
        loaded.respond("I am sad", size=size, **GREEDY)


@pytest.mark.parametrize("function", ["respond", "stream", "generator_create"])
def test_null_is_refused(library: Library, function: str) -> None:
    call = getattr(library.c, f"mime_fast_{function}")
    arguments = [None if kind is ctypes.c_size_t else kind() for kind in call.argtypes]
    arguments = [0 if each is None else each for each in arguments]
    with pytest.raises(LibraryError, match="must not be NULL") as caught:
        library.check(call(*arguments))
    assert caught.value.status == "invalid_argument"


def test_null_has_no_facts(library: Library) -> None:
    assert library.c.mime_fast_response_text(None) == b""
    assert library.c.mime_fast_response_crisis(None) is None
    assert library.c.mime_fast_response_candidate_count(None) == 0
    assert library.c.mime_fast_response_candidate_logprob_count(None, 0) == 0
    assert library.c.mime_fast_response_candidate_logprob_token(None, 0, 0, 0) == -1
    assert library.c.mime_fast_response_candidate_logprob_word(None, 0, 0, 0) == b""
    assert math.isnan(library.c.mime_fast_response_candidate_logprob(None, 0, 0, 0))
    library.c.mime_fast_response_destroy(None)
    library.c.mime_fast_generator_destroy(None)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the bundled checkpoint, whose weights are links."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in folder_of("mime-small").iterdir():
        if path.suffix == ".safetensors":
            (folder / path.name).symlink_to(path)
        else:
            shutil.copy(path, folder / path.name)
    return folder


def edit(path: Path, old: str, new: str, count: int = -1) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "old", "new", "error"),
    [
        ("config.json", '"format": 1', '"format": 2', "is of format 2"),
        ("config.json", '"num_heads": 2', '"num_heads": 0', "num_heads must be .* got 0"),
        ("config.json", '"num_heads": 2', '"num_heads": 3', "must be a multiple of num_heads"),
        ("config.json", '"hidden_dim": 300', '"hidden_dim": 304', "model.safetensors"),
        ("config.json", '"vocab_size": 11036', '"vocab_size": 11037', "holds 11036 words"),
        ("config.json", '"mimicry"', '"mimicri"', 'unknown option "mimicri"'),
        ("config.json", '"mime"', '"mine"', "architecture is 'mine'"),
        (
            "config.json",
            '"mime"',
            '"moel"',
            "grouping is an option of mime, and the archi",
        ),
        ("config.json", "{", "[", "config.json"),
        ("generation_config.json", '"best_of": 4', '"best_off": 4', 'unknown option "best_off"'),
        ("generation_config.json", '"do_sample": true', '"do_sample": false', "needs do_sample"),
        ("generation_config.json", "{", '{"seed": -1, ', "expected an integer of at least 0"),
        ("generation_config.json", "{", f'{{"seed": {2**64}, ', "an integer in .0, 2.64."),
        ("tokenizer.json", "NFKC", "NFKX", 'a step of type "NFKX"'),
    ],
)
def test_a_checkpoint_that_is_refused(
    library: Library, copy: Path, name: str, old: str, new: str, error: str
) -> None:
    edit(copy / name, old, new)
    with pytest.raises(LibraryError, match=error) as caught:
        library.load(copy)
    assert caught.value.status == "checkpoint_error"


def test_what_python_reads_is_read(library: Library, copy: Path) -> None:
    edit(copy / "config.json", '  "architecture": "mime",\n', "")
    for name in ("config.json", "generation_config.json", "tokenizer.json"):
        edit(copy / name, "{", "\ufeff{", count=1)
    loaded = library.load(copy)
    same(loaded.respond("I am sad", seed=1), Generator(copy).respond("I am sad", seed=1))


@pytest.mark.parametrize("seed", [0, 2**63 - 1, 2**63, 2**64 - 1])
def test_the_largest_seed_as_a_default(library: Library, copy: Path, seed: int) -> None:
    edit(copy / "generation_config.json", "{", f'{{"seed": {seed}, ')
    found = library.load(copy).respond("I am sad")
    assert found["seed"] == seed
    same(found, Generator(copy).respond("I am sad"))


def test_files_that_are_missing(library: Library, copy: Path) -> None:
    (copy / "drafts.safetensors").unlink()
    (copy / "relevance.safetensors").unlink()
    with pytest.raises(LibraryError, match=r"best_of=4, which needs relevance\.safetensors"):
        library.load(copy)
    (copy / "generation_config.json").unlink()
    loaded = library.load(copy)
    same(loaded.respond("I am sad", seed=1), Generator(copy).respond("I am sad", seed=1))
    with pytest.raises(LibraryError, match="best_of=4 needs a relevance table"):
        loaded.respond("I am sad", do_sample=True, best_of=4)
    (copy / "tokenizer.json").unlink()
    with pytest.raises(LibraryError, match=r"lacks tokenizer\.json"):
        library.load(copy)
    with pytest.raises(LibraryError, match="no checkpoint directory at /nowhere"):
        library.load("/nowhere")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"threads": 257}, r"threads must be in \[1, 256\], .* got 257"),
        ({"compute_type": b"\xff"}, "compute_type is not valid UTF-8"),
        ({"compute_type": "int4"}, "compute_type must be int8, float32 or bfloat16"),
        ({"size": 0}, "call mime_fast_load_options_init"),
    ],
)
def test_load_options_that_are_refused(
    library: Library, options: dict[str, Any], error: str
) -> None:
    with pytest.raises(LibraryError, match=error) as caught:
        library.load(folder_of("mime-small"), **options)
    assert caught.value.status == "invalid_argument"


def test_exactly_the_c_functions_are_exported(symbols: set[str]) -> None:
    header = (Path(__file__).parents[2] / "csrc/include/mime_fast/mime_fast.h").read_text("utf-8")
    declared = set(re.findall(r"MIME_FAST_API[^;{]*?(mime_fast_\w+)\(", header))
    assert len(declared) > 30
    assert symbols - {"MIME_FAST_1"} == declared
