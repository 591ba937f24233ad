"""A language model of toy size over the pieces of a few sentences."""

from __future__ import annotations

import pytest
import torch
from tokenizers import pre_tokenizers

from mime_fast.models.llama import Llama, LlamaConfig
from mime_fast.text.pieces import PieceTokenizer
from mime_fast.training.language_model.dialogue_model import DialogueModel

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("o", "n"), ("l", "o"), ("\u0120", "t"), ("i", "n"), ("c", "a"), ("\u0120", "m")]


@pytest.fixture(scope="session")
def pieces() -> PieceTokenizer:
    return PieceTokenizer([*BYTES, *map("".join, MERGES)], MERGES)


@pytest.fixture
def dialogue_model(pieces: PieceTokenizer) -> DialogueModel:
    torch.manual_seed(0)
    shape = LlamaConfig(
        pieces.vocab_size,
        hidden_dim=32,
        num_layers=1,
        num_heads=4,
        num_kv_heads=2,
        filter_dim=48,
    )
    model = DialogueModel(Llama(shape))
    torch.nn.init.normal_(model.llama.embedding.weight, std=0.1)
    return model
