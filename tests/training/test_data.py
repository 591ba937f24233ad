from __future__ import annotations

import itertools
from pathlib import Path

from mime_fast.likelihood.pairs import collate, encode_pairs, sorted_batches
from mime_fast.text.examples import load_examples
from mime_fast.text.tokenizer import CLS, EOS, PAD, SYS, USR, Tokenizer
from mime_fast.training.data import shuffled_batches

WORDS = ["i", "lost", "my", "dog", ".", "thank", "you"]


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
