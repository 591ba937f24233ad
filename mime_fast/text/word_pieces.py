"""Word pieces of a context: MiniLM's tokeniser, cut to the pieces that its training text uses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Self

from tokenizers import Tokenizer as PieceTokenizer
from tokenizers import models, normalizers, pre_tokenizers

from mime_fast.packages import minilm_folder
from mime_fast.text.special import EOS, UNK

CONTINUES = "##"  # the beginning of a piece that does not begin a word
SEP = EOS  # ends each turn
# MiniLM's pieces at the ids of mime_fast/text/special.py.
SPECIAL = ("[UNK]", "[PAD]", "[SEP]", "[unused0]", "[unused1]", "[unused2]", "[CLS]")


class WordPieceTokenizer:
    """Text to word-piece ids. Lower case, without accents; a word is split into known pieces."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = [*SPECIAL, *(piece for piece in pieces if piece not in SPECIAL)]
        vocabulary = {piece: index for index, piece in enumerate(self.pieces)}
        model = models.WordPiece(vocab=vocabulary, unk_token=SPECIAL[UNK])
        self._tokenizer = PieceTokenizer(model)
        self._tokenizer.normalizer = normalizers.BertNormalizer()
        self._tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()

    @property
    def vocab_size(self) -> int:
        """Number of pieces, special ones included."""
        return len(self.pieces)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Piece ids of each text, without special ones.

        One text at a time: a batch starts a thread for each processor, and took no less time.
        """
        return [self._tokenizer.encode(text).ids for text in texts]

    def word(self, index: int) -> str:
        """The piece of an id; "" where it continues the word of the piece before."""
        piece = self.pieces[index]
        return "" if piece.startswith(CONTINUES) else piece

    def tokenize(self, text: str) -> list[str]:
        """The text of each piece; "" where it continues the word of the piece before."""
        encoding = self._tokenizer.encode(text)
        pieces = zip(encoding.tokens, encoding.offsets, strict=True)
        return ["" if piece.startswith(CONTINUES) else text[slice(*at)] for piece, at in pieces]

    def cut(self, used: Iterable[int]) -> Self:
        """The tokeniser that keeps the used pieces and all single characters."""
        keep = {self.pieces[index] for index in used}
        keep |= {piece for piece in self.pieces if len(piece.removeprefix(CONTINUES)) == 1}
        return type(self)([piece for piece in self.pieces if piece in keep])


def minilm_word_pieces() -> list[str]:
    """All word pieces, in the order of the rows of MiniLM's table.

    Raises:
        ModuleNotFoundError: the package with the weights is missing; it says how to install it.
    """
    text = (minilm_folder() / "tokenizer.json").read_text(encoding="utf-8")
    rows: dict[str, int] = json.loads(text)["model"]["vocab"]
    return sorted(rows, key=rows.__getitem__)
