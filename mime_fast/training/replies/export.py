"""The checkpoint of a trained mime-base: weights as int8, both tokenisers, a model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from mime_fast import checkpoint
from mime_fast.models.mime_base import MimeBase
from mime_fast.quantized import dequantize_matrices, quantize_matrices
from mime_fast.text.subword_tokenizer import SubwordTokenizer

Stored = Mapping[str, NDArray[Any]]


def round_to_stored(model: MimeBase) -> Stored:
    """Quantise the weights, and give the model those values: what is measured is what is shipped.

    Returns what `export` writes.
    """
    stored = quantize_matrices(
        {name: tensor.float().cpu().numpy() for name, tensor in model.state_dict().items()}
    )
    model.load_state_dict(
        {name: torch.from_numpy(tensor) for name, tensor in dequantize_matrices(stored).items()}
    )
    return stored


def export(
    out: Path, model: MimeBase, stored: Stored, tokenizer: SubwordTokenizer, card: str
) -> None:
    """Write the checkpoint directory of a model that was rounded to these weights."""
    checkpoint.save(out, model.config.replace(dropout=0.0), tokenizer, stored, card)
