"""Word pieces of a context: MiniLM's tokeniser, cut to the pieces that its training text uses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from tokenizers import Tokenizer as PieceTokenizer
from tokenizers import models, normalizers, pre_tokenizers

from mime_fast.packages import minilm_folder

PAD, UNK, CLS, SEP = range(4)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
SPEAKER, LISTENER = range(2)  # token types: who says a turn


class ContextIds(NamedTuple):
    """A context as the encoder reads it; both (length,)."""

    tokens: list[int]  # CLS, then each turn and SEP
    types: list[int]
    dropped_turns: int  # oldest first, that had no room


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
        """Piece ids of each text, without special ones."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def encode_context(self, turns: Sequence[list[int]], most: int) -> ContextIds:
        """Encoded turns, speaker first and last -> the ids of the last that `most` has room for.

        A last turn that is too long by itself loses its beginning.
        """
        room, kept = most - 1, 0
        for turn in reversed(turns):
            room -= len(turn) + 1
            if room < 0 and kept:
                break
            kept += 1
        tokens, types = [CLS], [SPEAKER]
        for place, turn in enumerate(turns[-kept:]):
            ids = [*turn[-(most - 2) :], SEP]
            tokens += ids
            types += [SPEAKER if (kept - place) % 2 else LISTENER] * len(ids)
        return ContextIds(tokens, types, len(turns) - kept)

    def cut(self, used: Iterable[int]) -> Self:
        """The tokeniser that keeps the used pieces and all single characters."""
        keep = {self.pieces[index] for index in used}
        keep |= {piece for piece in self.pieces if len(piece.removeprefix("##")) == 1}
        return type(self)([piece for piece in self.pieces if piece in keep])


def minilm_word_pieces() -> list[str]:
    """All word pieces, in the order of the rows of MiniLM's table.

    Raises:
        ModuleNotFoundError: the package with the weights is missing; it says how to install it.
    """
    text = (minilm_folder() / "tokenizer.json").read_text(encoding="utf-8")
    rows: dict[str, int] = json.loads(text)["model"]["vocab"]
    return sorted(rows, key=rows.__getitem__)
