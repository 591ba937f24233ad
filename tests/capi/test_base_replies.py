"""Replies of mime-base in libmime_fast: those of Generator, for the same options and seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mime_fast import Generator
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.relevance import WIDTH, save_table
from mime_fast.text.subword_tokenizer import SubwordTokenizer
from mime_fast.text.tokenizer import Tokenizer
from tests.capi.library import Library, LibraryError, Loaded
from tests.capi.test_library import same

MESSAGES = (
    "i lost my dog yesterday",
    "What happened? \U0001f622 caf\u00e9 \u4f60\u597d",
    "I hope they feel good, dont you",
)
HISTORY = ["I lost my dog.", "oh no!", "it was the dog of my \u00e9", "so sorry", "i do not know"]


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    save_tiny_base: Callable[..., Path],
    tiny_subwords: SubwordTokenizer,
) -> Path:
    """A tiny random mime-base with a relevance table, whose defaults sample."""
    path = save_tiny_base(tmp_path_factory.mktemp("base") / "model")
    size = tiny_subwords.context_vocab_size, WIDTH
    table = np.random.default_rng(3).normal(size=size).astype(np.float32)
    save_table(table, path / "relevance.safetensors")
    defaults = {"do_sample": True, "temperature": 0.7, "best_of": 4, "no_repeat_ngram_size": 4}
    (path / "generation_config.json").write_text(json.dumps(defaults), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def generator(folder: Path) -> Generator:
    return Generator(folder, engine="native", intra_threads=1)


@pytest.fixture(scope="module")
def loaded(library: Library, folder: Path) -> Loaded:
    return library.load(folder, threads=1)


OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"do_sample": False},
    {"do_sample": False, "stochastic_emotion": False, "return_scores": True},
    {"num_beams": 4, "num_return_sequences": 3},
    {"num_beams": 3, "stop": ["a", "\ufffd"], "max_new_tokens": 20},
    {"do_sample": True, "num_return_sequences": 4, "temperature": 1.5, "top_p": 0.9},
    {"mbr_samples": 6, "num_return_sequences": 3},
    {"best_of": 12, "num_return_sequences": 12, "max_new_tokens": 12},
    {"do_sample": False, "bad_words": ["a", "Sorry", "I am", "\u00e9"], "repetition_penalty": 1.5},
    {"do_sample": True, "stop": [" ", "t"], "min_new_tokens": 3},
    {"emotion": "joyful", "do_sample": False},
    {"emotion": "sad", "avoid_cheer": False},
    {"do_sample": True, "num_return_sequences": 3, "logprobs": 4},
)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_replies(loaded: Loaded, generator: Generator, options: dict[str, Any]) -> None:
    for seed, message in enumerate(MESSAGES):
        expected = generator.respond(message, seed=seed, **options)
        found = loaded.respond(message, seed=seed, **options)
        same(found, expected)
        pieces, streamed = loaded.stream(message, seed=seed, **options)
        same(streamed, expected)
        assert "".join(pieces) == found["text"]
        events = [event.text for event in generator.stream(message, seed=seed, **options)]
        assert pieces == [text for text in events if text]


def test_the_replies_are_of_many_kinds(generator: Generator) -> None:
    """Else they would show little."""
    texts = [generator.respond(MESSAGES[0], seed=seed).text for seed in range(12)]
    assert len(set(texts)) == 12
    assert any("\ufffd" in text for text in texts)


@pytest.mark.parametrize("compute_type", ["float32", "bfloat16"])
def test_types(library: Library, folder: Path, compute_type: str) -> None:
    expected = Generator(folder, engine="native", compute_type=compute_type, intra_threads=2)
    found = library.load(folder, compute_type=compute_type, threads=2)
    same(found.respond(*HISTORY, seed=7), expected.respond(HISTORY, seed=7))


def test_histories(loaded: Loaded, generator: Generator) -> None:
    for turns in (HISTORY, [turn * 9 for turn in HISTORY], ["so " * 300]):
        found = loaded.respond(*turns, seed=2, max_new_tokens=9)
        same(found, generator.respond(turns, seed=2, max_new_tokens=9))
    assert found["dropped_words"] > 100


def test_a_grave_message_and_a_crisis(loaded: Loaded, generator: Generator) -> None:
    for message in ("My dad died at dawn.", "I want to kill myself tonight", "so \u200b?!"):
        same(loaded.respond(message, seed=4), generator.respond(message, seed=4))
    options: dict[str, Any] = {"on_crisis": "flag", "do_sample": False}
    found = loaded.respond("I want to die", seed=4, **options)
    same(found, generator.respond("I want to die", seed=4, **options))
    assert found["crisis"]


def test_word_pieces(loaded: Loaded) -> None:
    assert loaded.tokenize("my dogs, \U0001f415 sat") == "my dog ##s , \U0001f415 s ##a ##t ."
    assert loaded.tokenize("") == ""


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage; its weights are a link."""
    target = tmp_path / "copy"
    target.mkdir()
    for path in folder.iterdir():
        if path.suffix == ".safetensors":
            (target / path.name).symlink_to(path)
        else:
            (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("decoder_heads", 5, "decoder_dim must be a multiple of twice decoder_heads"),
        ("decoder_kv_heads", 4, "decoder_heads must be a multiple of decoder_kv_heads"),
        ("num_heads", 5, "hidden_dim must be a multiple of num_heads"),
        ("decoder_layers", 0, r"decoder_layers must be .*\[1, 100\], got 0"),
        ("intents", 1025, r"intents must be .*\[1, 1024\], got 1025"),
        ("context_vocab_size", 7, r"context_vocab_size must be .* got 7"),
        ("context_vocab_size", 90, "context_vocab_size|context_encoder.embedding.weight has shape"),
        ("vocab_size", 90, "words but config.json says vocab_size 90"),
        ("top_listeners", 2, "top_listeners.* is an option of moel"),
        ("architecture", "mime", "is an option of mime_base, and the architecture is mime"),
        ("architecture", "moel", "context_vocab_size is an option of mime_base, and the archi"),
    ],
)
def test_a_config_that_is_refused(
    library: Library, copy: Path, name: str, value: Any, error: str
) -> None:
    path = copy / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), name: value}), "utf-8")
    with pytest.raises(LibraryError, match=error) as caught:
        library.load(copy)
    assert caught.value.status == "checkpoint_error"
    if name != "architecture":  # of which Python names other options first
        with pytest.raises(CheckpointError, match=error):
            Generator(copy, engine="native")


def test_an_option_of_two_other_systems(library: Library, copy: Path) -> None:
    config = {"format": 1, "architecture": "moel", "vocab_size": 9, "latent_dim": 4}
    (copy / "config.json").write_text(json.dumps(config), "utf-8")
    refused(library, copy, "latent_dim.* is an option of mime and mime_base, and the archi")


def test_a_tokenizer_of_another_checkpoint(
    library: Library, copy: Path, tiny_subwords: SubwordTokenizer
) -> None:
    path = copy / "tokenizer.json"
    document = json.loads(path.read_text("utf-8"))
    document["context"].append("zzyzx")
    path.write_text(json.dumps(document), "utf-8")
    refused(library, copy, f"{tiny_subwords.context_vocab_size + 1} word pieces but config.json")
    words = [f"word{index}" for index in range(tiny_subwords.vocab_size - 7)]
    Tokenizer.from_words(words).save(path)
    refused(library, copy, f"{tiny_subwords.vocab_size} word pieces but config.json")


def refused(library: Library, folder: Path, error: str) -> None:
    """Expect that both languages refuse a checkpoint, the table for its context removed."""
    (folder / "relevance.safetensors").unlink(missing_ok=True)
    (folder / "generation_config.json").unlink(missing_ok=True)
    with pytest.raises(LibraryError, match=error):
        library.load(folder)
    with pytest.raises(CheckpointError, match=error):
        Generator(folder, engine="native")
