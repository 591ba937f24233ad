from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from mime_fast.text.pieces import LISTENER, SPEAKER, PieceTokenizer
from mime_fast.text.special import PAD

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("\u0120", "hello"), ("o", "o")]


@pytest.fixture(scope="module")
def whole() -> PieceTokenizer:
    return PieceTokenizer([*BYTES, *map("".join, MERGES)], MERGES)


def test_special_pieces_come_first_and_are_never_read_from_text(whole: PieceTokenizer) -> None:
    assert whole.pieces[PAD] == "<|endoftext|>"
    assert (whole.pieces[SPEAKER], whole.pieces[LISTENER]) == ("<|im_start|>", "<|im_end|>")
    (ids,) = whole.encode(["<|im_start|>"])
    assert SPEAKER not in ids
    assert whole.decode([SPEAKER, *ids, PAD]) == "<|im_start|>"


def test_a_cut_tokeniser_splits_kept_words_as_the_whole_one(whole: PieceTokenizer) -> None:
    cut = whole.cut(whole.encode([" hello"])[0])
    assert cut.vocab_size == whole.vocab_size - 1  # "oo" is left out
    assert [cut.pieces[i] for i in cut.encode([" hello"])[0]] == ["\u0120hello"]
    assert [cut.pieces[i] for i in cut.encode(["oo"])[0]] == ["o", "o"]
    assert cut.pieces == [whole.pieces[row] for row in cut.rows_of(whole)]


@given(st.text())
def test_no_text_is_unknown_to_a_cut_tokeniser(text: str) -> None:
    cut = PieceTokenizer([*BYTES, *map("".join, MERGES)], MERGES).cut([])
    readable = text.encode("utf-8", "replace").decode()
    assert cut.decode(cut.encode([readable])[0]) == readable


def test_json_keeps_the_tokeniser(whole: PieceTokenizer) -> None:
    again = PieceTokenizer.from_json(whole.to_json())
    assert again.pieces == whole.pieces
    assert again.encode(["hello hello"]) == whole.encode(["hello hello"])
