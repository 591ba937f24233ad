"""Word embeddings started from a pretrained English word-piece table (paper: from GloVe)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from safetensors import safe_open
from tokenizers import Tokenizer as PieceTokenizer
from torch import Tensor

from mime_fast.packages import minilm_folder

STD = 0.05  # of a component: tied logits then start with a deviation of about 1 at width 300


def pretrained_vectors(words: Sequence[str], dim: int) -> Tensor:
    """Vectors (words, dim): each the mean of a word's pieces in all-MiniLM-L6-v2.

    Centred, projected on the leading principal components and scaled to a deviation of STD.
    """
    folder = minilm_folder()
    pieces = PieceTokenizer.from_file(str(folder / "tokenizer.json"))
    pieces.no_padding()
    pieces.no_truncation()
    with safe_open(str(folder / "model.safetensors"), framework="pt") as weights:
        table = weights.get_tensor("embeddings.word_embeddings.weight").float()
    encodings = pieces.encode_batch(list(words), add_special_tokens=False)
    rows = [
        table[encoding.ids].mean(0) if encoding.ids else table.mean(0) for encoding in encodings
    ]
    return _project(torch.stack(rows), dim)


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
