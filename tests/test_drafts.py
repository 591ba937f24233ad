"""Draft tables: what they hold, and that no draft, right or wrong, ever changes a reply."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from mime_fast import GenerationConfig, Generator, drafts
from mime_fast.checkpoint import DRAFTS
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.cli import app
from mime_fast.text.tokenizer import EOS, SOS
from mime_fast.types import Dialogue

MESSAGES = [
    "I lost my dog yesterday.",
    "no",
    "we can not hear it. " * 5,
    "oh no, they feel sorry!",
    "I am good!",
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"min_new_tokens": 5, "repetition_penalty": 1.3},
    {"no_repeat_ngram_size": 2, "min_new_tokens": 10},
    {"max_new_tokens": 1},
    {"max_new_tokens": 3, "min_new_tokens": 3},
]


@pytest.fixture
def folder(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "model"))


def tokens(generator: Generator, messages: list[str], **options: Any) -> list[list[int]]:
    replies = generator.respond_batch(messages, seed=3, **options)
    return [reply.candidates[0].tokens for reply in replies]


def wrong_table(vocabulary: int) -> drafts.Table:
    """Drafts a random word after every single word, all of them with confidence."""
    words = np.random.default_rng(0).integers(7, vocabulary, vocabulary)
    return {(word,): Counter({int(next_word): 2}) for word, next_word in enumerate(words)}


def right_table(generator: Generator) -> drafts.Table:
    generated = drafts.replies(generator, MESSAGES)
    return drafts.count([reply for reply in generated for _ in range(2)])


def test_contexts_are_counted_up_to_four_words() -> None:
    table = drafts.count([(7, 8, 9, 10, EOS), (7, 8, 11, EOS)])
    assert table[SOS,] == Counter({7: 2})
    assert table[7, 8] == Counter({9: 1, 11: 1})
    assert table[SOS, 7, 8] == table[7, 8]
    assert table[7, 8, 9, 10] == Counter({EOS: 1})
    assert max(map(len, table)) == drafts.CONTEXT


def test_what_was_seen_once_is_left_out(tmp_path: Path) -> None:
    table = drafts.count([(7, 8, EOS), (7, 9, EOS), (7, 9, 10, EOS)])
    entries = drafts.save_table(table, tmp_path / DRAFTS)
    saved = load_file(tmp_path / DRAFTS)
    rows = {
        tuple(context): (word, share)
        for context, word, share in zip(
            saved["contexts"].tolist(),
            saved["words"].tolist(),
            saved["confidences"].tolist(),
            strict=True,
        )
    }
    assert len(rows) == entries
    assert rows[-1, -1, -1, 7] == (9, pytest.approx(2 / 3))
    assert rows[-1, -1, SOS, 7] == (9, pytest.approx(2 / 3))
    assert (-1, -1, -1, 10) not in rows
    assert [path.name for path in tmp_path.iterdir()] == [DRAFTS]


@pytest.mark.parametrize("compute_type", ["int8", "float32"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_no_draft_changes_a_reply(folder: Path, options: dict[str, Any], compute_type: str) -> None:
    plain = Generator(folder, compute_type=compute_type)
    expected = tokens(plain, MESSAGES, **options)
    for table in (right_table(plain), wrong_table(plain.engine.config.vocab_size)):
        drafts.save_table(table, folder / DRAFTS)
        drafted = Generator(folder, compute_type=compute_type, intra_threads=3)
        assert tokens(drafted, MESSAGES, **options) == expected
        for message, reply in zip(MESSAGES, expected, strict=True):
            assert tokens(drafted, [message], **options) == [reply]
            assert tokens(drafted, [message], **options, speculation=False) == [reply]
            pieces = list(drafted.stream(message, seed=3, **options))
            assert [token for piece in pieces for token in piece.tokens] == reply


def decode(generator: Generator, **options: Any) -> Any:
    """A finished decoding of a greedy reply of 20 words."""
    engine = generator.engine
    noise = np.zeros((1, engine.config.latents, engine.config.latent_dim), np.float32)
    encoded = engine.encode([Dialogue([6, 7, 8, 9], [6, 4, 4, 4])], noise, None)
    config = GenerationConfig(min_new_tokens=20, max_new_tokens=20, **options)
    decoding = engine.decode(encoded, config, [0])
    decoding.run()
    return decoding


def test_right_drafts_save_steps(folder: Path) -> None:
    plain = decode(Generator(folder))
    assert plain.steps == 20
    reply = plain.results(0)[0].tokens
    drafts.save_table(drafts.count([reply, reply]), folder / DRAFTS)
    drafted = Generator(folder)
    assert decode(drafted).results(0)[0].tokens == reply
    assert decode(drafted).steps < 15
    assert decode(drafted, speculation=False).steps == 20
    assert decode(drafted, num_beams=3).steps == 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"words": np.array([7, 99_999], np.int32)}, r"holds word 99999, and the vocabulary has"),
        ({"contexts": np.full((2, 4), -2, np.int32)}, r"holds word -2"),
        ({"contexts": np.zeros((2, 3), np.int32)}, r"contexts must be \(entries, 4\)"),
        ({"words": np.zeros(3, np.int32)}, r"contexts must be \(entries, 4\)"),
        ({"words": np.zeros(2, np.int64)}, r"words must be I32 of 1 dimension"),
        ({"confidences": np.array([0.5, np.nan], np.float32)}, r"a confidence is not in \(0, 1\]"),
        ({"confidences": np.array([0.5, 1.5], np.float32)}, r"a confidence is not in \(0, 1\]"),
    ],
)
def test_a_broken_table_is_refused(folder: Path, changes: dict[str, Any], message: str) -> None:
    arrays: dict[str, Any] = {
        "contexts": np.array([[-1, -1, -1, 3], [-1, -1, 3, 7]], np.int32),
        "words": np.array([7, 8], np.int32),
        "confidences": np.array([1, 0.5], np.float32),
    }
    save_file(arrays | changes, folder / DRAFTS)
    with pytest.raises(CheckpointError, match=message) as caught:
        Generator(folder)
    assert DRAFTS in str(caught.value)


def test_a_table_that_is_no_safetensors_file_is_refused(folder: Path) -> None:
    (folder / DRAFTS).write_bytes(b"no table")
    with pytest.raises(CheckpointError, match=DRAFTS):
        Generator(folder)


def test_the_command_makes_a_table_of_the_models_own_replies(folder: Path, tmp_path: Path) -> None:
    record = {"emotion": "sad", "utterances": ["I lost my dog.", "oh no", "yes", "I am sorry"]}
    (tmp_path / "train.jsonl").write_text(f"{json.dumps(record)}\n" * 3, encoding="utf-8")
    expected = tokens(Generator(folder), MESSAGES)
    result = CliRunner().invoke(app, ["draft", "--data", str(tmp_path), "-c", str(folder)])
    assert result.exit_code == 0, result.output
    assert "entries to" in result.output
    assert load_file(folder / DRAFTS)["words"].size > 0
    assert tokens(Generator(folder), MESSAGES) == expected
