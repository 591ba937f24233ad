"""The language model with a classifier of emotions, and its files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from mime_fast.emotions import EMOTIONS
from mime_fast.files import replacing
from mime_fast.models.llama import Llama, LlamaConfig
from mime_fast.text.pieces import PieceTokenizer
from mime_fast.training.run_folder import WEIGHTS
from mime_fast.training.state import load_state, save_state

PIECES = "pieces.json"


class DialogueModel(nn.Module):
    """The language model and a linear classifier of its state where a reply begins."""

    def __init__(self, llama: Llama) -> None:
        super().__init__()
        self.llama = llama
        self.emotion = nn.Linear(llama.config.hidden_dim, len(EMOTIONS))


def save_dialogue_model(folder: Path, model: DialogueModel, tokenizer: PieceTokenizer) -> None:
    """Write the weights, in float16, and the tokeniser into a folder."""
    save_pieces(folder, tokenizer)
    tensors = {name: tensor.half() for name, tensor in model.state_dict().items()}
    save_state(folder / WEIGHTS, {"model": tensors}, {"shape": asdict(model.llama.config)})


def load_dialogue_model(folder: Path) -> tuple[DialogueModel, PieceTokenizer]:
    """Read what save_dialogue_model wrote, in float32.

    Raises:
        FileNotFoundError: the folder holds no finished model.
        ValueError: a file is damaged.
    """
    if not (folder / WEIGHTS).is_file():
        raise FileNotFoundError(f"{folder} holds no {WEIGHTS}; make it: mime-fast finetune")
    groups, facts = load_state(folder / WEIGHTS)
    with torch.device("meta"):
        model = DialogueModel(Llama(LlamaConfig(**facts["shape"])))
    tensors = {name: tensor.float() for name, tensor in groups["model"].items()}
    model.load_state_dict(tensors, assign=True)
    return model.eval(), load_pieces(folder)


def save_pieces(folder: Path, tokenizer: PieceTokenizer) -> None:
    """Write the tokeniser alone."""
    with replacing(folder / PIECES) as staging:
        staging.write_text(tokenizer.to_json(), encoding="utf-8")


def load_pieces(folder: Path) -> PieceTokenizer:
    """Read the tokeniser alone."""
    return PieceTokenizer.from_json((folder / PIECES).read_text(encoding="utf-8"))
