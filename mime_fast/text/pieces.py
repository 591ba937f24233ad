"""Subwords: a byte-level BPE tokeniser, cut to the pieces that its training text uses.

A cut tokeniser splits a text as the whole one does where all pieces were kept. A piece that was
left out is split further, down to bytes, so that no text is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Self

from tokenizers import Tokenizer as BpeTokenizer
from tokenizers import decoders, models, pre_tokenizers

from mime_fast.text.special import EOS, SOS

SPEAKER, LISTENER = EOS, SOS  # each begins a turn, and so ends the one before
# SmolLM2's pieces at the ids of mime_fast/text/special.py.
SPECIAL = (
    *("<repo_name>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<reponame>", "<file_sep>", "<filename>"),
)


class PieceTokenizer:
    """Text to piece ids and back. Ids: the special pieces, then the others in order of merging."""

    def __init__(self, pieces: Sequence[str], merges: Sequence[tuple[str, str]]) -> None:
        self.pieces = [*SPECIAL, *(piece for piece in pieces if piece not in SPECIAL)]
        self.merges = list(merges)
        vocabulary = {piece: index for index, piece in enumerate(self.pieces)}
        self._bpe = BpeTokenizer(models.BPE(vocab=vocabulary, merges=self.merges))
        # As SmolLM2 was trained: digits alone, GPT-2's split of words.
        digits = pre_tokenizers.Digits(individual_digits=True)
        words = pre_tokenizers.ByteLevel(add_prefix_space=False)
        self._bpe.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
        self._bpe.decoder = decoders.ByteLevel()

    @property
    def vocab_size(self) -> int:
        """Number of pieces, special ones included."""
        return len(self.pieces)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Piece ids of each text; text that looks like a special piece is text.

        One text at a time: a batch starts a thread for each processor, and took no less time.
        """
        return [self._bpe.encode(text).ids for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of piece ids; incomplete UTF-8 becomes U+FFFD."""
        return self._bpe.decode([token for token in ids if token >= len(SPECIAL)])

    def cut(self, used: Iterable[int]) -> Self:
        """The tokeniser that keeps the used pieces, what they are merged of, and all bytes."""
        parts = {left + right: (left, right) for left, right in self.merges}
        keep = {piece for piece in self.pieces if len(piece) == 1}  # a byte each
        waiting = [self.pieces[index] for index in used]
        while waiting:
            if (piece := waiting.pop()) not in keep:
                keep.add(piece)
                waiting += parts[piece]
        pieces = [piece for piece in self.pieces if piece in keep]
        merges = [merge for merge in self.merges if "".join(merge) in keep]
        return type(self)(pieces, merges)

    def rows_of(self, whole: PieceTokenizer) -> list[int]:
        """The id of each of our pieces in the tokeniser that we were cut from."""
        place = {piece: index for index, piece in enumerate(whole.pieces)}
        return [place[piece] for piece in self.pieces]

    def to_json(self) -> str:
        """What from_json reads."""
        return json.dumps({"pieces": self.pieces, "merges": self.merges}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The tokeniser that to_json wrote."""
        facts: dict[str, Any] = json.loads(text)
        return cls(facts["pieces"], [(left, right) for left, right in facts["merges"]])
