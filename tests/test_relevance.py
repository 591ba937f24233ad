from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mime_fast.relevance import WIDTH, RelevanceTable, make_table, save_table
from mime_fast.text.special import SPECIAL_WORDS
from mime_fast.text.tokenizer import Tokenizer

WORDS = ("the", "dog", "cat", "died", "car")
TOKENIZER = Tokenizer.from_words(WORDS)
TEXTS = ["the dog died", "the cat died", "the dog", "the car", "the"]


def table() -> RelevanceTable:
    vectors = np.random.default_rng(0).normal(size=(TOKENIZER.vocab_size, 384))
    return RelevanceTable(make_table(TOKENIZER, vectors.astype(np.float32), TEXTS))


def test_a_word_that_every_text_holds_has_weight_0_and_so_have_special_ids() -> None:
    found = table().vectors
    assert found.shape == (TOKENIZER.vocab_size, min(WIDTH, len(WORDS)))
    assert np.allclose(found[TOKENIZER.encode("the")], 0)
    assert np.allclose(found[: len(SPECIAL_WORDS)], 0)
    rare, common = TOKENIZER.encode("car dog")
    assert np.abs(found[rare]).max() > 0
    assert np.abs(found[common]).max() > 0


def test_the_reply_that_shares_words_is_closest() -> None:
    replies = [TOKENIZER.encode(text) for text in ("the car", "the dog died", "the", "")]
    similarities = table().similarities(replies, TOKENIZER.encode("the dog died"))
    assert similarities.argmax() == 1
    assert similarities[1] == pytest.approx(1)
    assert similarities[2] == pytest.approx(0)
    assert similarities[3] == 0


def test_a_saved_table_ranks_alike(tmp_path: Path) -> None:
    path = tmp_path / "relevance.safetensors"
    save_table(table().vectors, path)
    again = RelevanceTable.load(path, TOKENIZER.vocab_size)
    assert np.abs(again.vectors - table().vectors).max() < 0.02 * np.abs(table().vectors).max()


@pytest.mark.parametrize("damage", ["other ids", "no scale", "no file of this kind", "infinite"])
def test_a_table_of_another_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "relevance.safetensors"
    values = np.ones((TOKENIZER.vocab_size, 4), np.int8)
    scale = np.ones(TOKENIZER.vocab_size, np.float32)
    if damage == "other ids":
        values, scale = values[1:], scale[1:]
    if damage == "infinite":
        scale[2] = np.inf
    save_file({"vectors": values, "vectors.scale": scale}, path)
    if damage == "no scale":
        save_file({"vectors": values}, path)
    if damage == "no file of this kind":
        path.write_bytes(b"{}")
    with pytest.raises(ValueError, match="make it: mime-fast relevance"):
        RelevanceTable.load(path, TOKENIZER.vocab_size)
