from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from mime_fast.text.tokenizer import CLS, EOS, PAD, SYS, USR, Tokenizer
from mime_fast.training.data import (
    collate,
    encode_pairs,
    load_examples,
    shuffled_batches,
    sorted_batches,
)

WORDS = ["i", "lost", "my", "dog", ".", "thank", "you"]


def test_a_conversation_gives_an_example_for_each_listener_turn(dialogues: Path) -> None:
    examples = load_examples(dialogues / "train.jsonl")
    assert len(examples) == 2 * 30
    assert examples[0].context == ["I lost my dog."]
    assert examples[1].context == ["I lost my dog.", "I am so sorry about your dog.", "Thank you."]
    assert examples[1].target == "Any time!"


def test_ready_examples_are_read_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "examples.jsonl"
    record = {"context": ["Hi.", "Hello.", "Bye."], "target": "Bye!", "emotion": "content"}
    file.write_text(json.dumps(record) + "\n")
    (example,) = load_examples(file)
    assert (example.context, example.target) == (record["context"], "Bye!")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "Expecting"),
        ("[]", "TypeError"),
        ('{"emotion": "sad"}', "utterances"),
        ('{"emotion": "bored", "utterances": ["a", "b"]}', "bored"),
        ('{"emotion": "sad", "utterances": "ab"}', "list of strings"),
        ('{"emotion": "sad", "utterances": ["a", 2]}', "list of strings"),
        ('{"emotion": "sad", "context": [], "target": "b"}', "list of strings"),
        ('{"emotion": "sad", "context": ["a", "b"], "target": "c"}', "odd number of turns"),
        ("[" * 100_000, "RecursionError"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, named: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"emotion": "sad", "utterances": ["a", "b"]}\n' + line + "\n")
    with pytest.raises(ValueError, match=rf"bad\.jsonl:2: .*{named}"):
        load_examples(file)


def test_bytes_that_are_not_utf_8_are_named_and_blank_lines_skipped(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_bytes(b'{"emotion": "sad", "utterances": ["a", "b"]}\n\n')
    assert len(load_examples(file)) == 1
    file.write_bytes(b'\n{"emotion": "sad", "utterances": ["\xff", "b"]}\n')
    with pytest.raises(ValueError, match=r"bad\.jsonl:2"):
        load_examples(file)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ValueError, match="holds no example"):
        load_examples(tmp_path / "empty.jsonl")


def test_batches_hold_padded_ids(dialogues: Path) -> None:
    tokenizer = Tokenizer.from_words(WORDS)
    examples = load_examples(dialogues / "train.jsonl")[:2]
    batch = collate(encode_pairs(tokenizer, examples, 100))
    assert batch.tokens.shape == batch.speakers.shape == (2, 17)
    assert batch.tokens[0, :6].tolist() == [CLS, *tokenizer.encode("I lost my dog.")]
    assert set(batch.tokens[0, 6:].tolist()) == {PAD}
    assert batch.speakers[1].tolist() == [CLS] + [USR] * 5 + [SYS] * 8 + [USR] * 3
    assert batch.reply[1].tolist()[:4] == [*tokenizer.encode("Any time!"), EOS]


def test_an_epoch_holds_every_pair_once_in_an_order_of_its_seed(dialogues: Path) -> None:
    tokenizer = Tokenizer.from_words(WORDS)
    pairs = encode_pairs(tokenizer, load_examples(dialogues / "train.jsonl"), 100)
    first, again, other = (shuffled_batches(pairs, 8, seed) for seed in (1, 1, 2))
    assert first == again != other
    for batches in (first, other, sorted_batches(pairs, 8)):
        assert sorted(map(repr, itertools.chain(*batches))) == sorted(map(repr, pairs))
