"""The two tokenisers of mime-base: word pieces of contexts, subwords of replies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mime_fast.files import replacing
from mime_fast.text.pieces import PieceTokenizer
from mime_fast.text.word_pieces import WordPieceTokenizer
from mime_fast.training.language_model.dialogue_model import save_pieces
from mime_fast.training.language_model.finetune import LabelledConversation, cut_to_turns

WORD_PIECES = "word_pieces.json"


class Tokenizers(NamedTuple):
    """What reads a context, and what writes a reply."""

    context: WordPieceTokenizer
    reply: PieceTokenizer

    def cut(self, training: Sequence[LabelledConversation], min_count: int) -> Tokenizers:
        """Both, with the pieces that the training turns hold so often."""
        return Tokenizers(
            cut_to_turns(self.context, training, min_count),
            cut_to_turns(self.reply, training, min_count),
        )


def save_tokenizers(folder: Path, tokenizers: Tokenizers) -> None:
    """Write both into a folder."""
    save_pieces(folder, tokenizers.reply)
    with replacing(folder / WORD_PIECES) as staging:
        text = json.dumps(tokenizers.context.pieces, ensure_ascii=False)
        staging.write_text(text, encoding="utf-8")
