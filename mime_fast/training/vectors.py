"""Word embeddings started from a pretrained English word-piece table (paper: from GloVe)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from safetensors import safe_open
from tokenizers import Tokenizer as PieceTokenizer
from torch import Tensor

from mime_fast.packages import minilm_folder
from mime_fast.relevance import make_table
from mime_fast.text.reply_tokenizer import ReplyTokenizer
from mime_fast.types import FloatArray

STD = 0.05  # of a component: tied logits then start with a deviation of about 1 at width 300


def pretrained_vectors(words: Sequence[str], dim: int) -> Tensor:
    """Vectors (words, dim): those of piece_means, which see.

    Centred, projected on the leading principal components and scaled to a deviation of STD.
    """
    return _project(piece_means(words), dim)


def piece_means(words: Sequence[str]) -> Tensor:
    """Vectors (words, 384): each the mean of a word's pieces in all-MiniLM-L6-v2.

    A word may be a piece that goes on with a word, such as "##ing".
    """
    folder = minilm_folder()
    pieces = PieceTokenizer.from_file(str(folder / "tokenizer.json"))
    pieces.no_padding()
    pieces.no_truncation()
    with safe_open(str(folder / "model.safetensors"), framework="pt") as weights:
        table = weights.get_tensor("embeddings.word_embeddings.weight").float()
    known = pieces.get_vocab()
    encodings = pieces.encode_batch(list(words), add_special_tokens=False)
    ids = [
        [known[word]] if word in known else encoding.ids
        for word, encoding in zip(words, encodings, strict=True)
    ]
    return torch.stack([table[own].mean(0) if own else table.mean(0) for own in ids])


def relevance_vectors(tokenizer: ReplyTokenizer, texts: Iterable[str]) -> FloatArray:
    """The relevance table of a tokeniser's words; texts: those that tell which words are rare."""
    return make_table(tokenizer, piece_means(tokenizer.context_words).numpy(), texts)


def _project(vectors: Tensor, dim: int) -> Tensor:
    centred = vectors - vectors.mean(0)
    if dim < vectors.shape[1]:
        _, _, components = torch.linalg.svd(centred, full_matrices=False)
        centred = centred @ components[:dim].T
    # A rotation spreads the components' unequal variances over all columns.
    seeded = torch.Generator().manual_seed(0)
    rotation, _ = torch.linalg.qr(torch.randn(dim, centred.shape[1], generator=seeded))
    spread = centred @ rotation.T
    return spread / spread.std() * STD
