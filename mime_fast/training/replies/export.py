"""The checkpoint of a trained mime-base: weights as int8, both tokenisers, a model card."""

from __future__ import annotations

from pathlib import Path

import torch

from mime_fast import checkpoint
from mime_fast.models.mime_base import MimeBase
from mime_fast.quantized import dequantize_matrices, quantize_matrices
from mime_fast.text.subword_tokenizer import SubwordTokenizer


def export(out: Path, model: MimeBase, tokenizer: SubwordTokenizer, card: str) -> None:
    """Write the checkpoint directory."""
    tensors = {name: tensor.float().cpu().numpy() for name, tensor in model.state_dict().items()}
    config = model.config.replace(dropout=0.0)
    checkpoint.save(out, config, tokenizer, quantize_matrices(tensors), card)


def round_to_stored(model: MimeBase) -> None:
    """Give the model the weights that `export` stores: what is measured is what is shipped."""
    stored = quantize_matrices(
        {name: tensor.float().cpu().numpy() for name, tensor in model.state_dict().items()}
    )
    model.load_state_dict(
        {name: torch.from_numpy(tensor) for name, tensor in dequantize_matrices(stored).items()}
    )
