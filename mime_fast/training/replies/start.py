"""Where training of mime-base starts: layers of MiniLM and SmolLM2, or an earlier stage."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from mime_fast.config import ModelConfig
from mime_fast.models.bert import load_minilm
from mime_fast.models.crossing import copy_layers
from mime_fast.models.llama import LlamaConfig
from mime_fast.models.mime_base import MimeBase
from mime_fast.packages import minilm_folder
from mime_fast.systems.mime_base import NAME, SHAPE
from mime_fast.text.pieces import PieceTokenizer
from mime_fast.text.subword_tokenizer import SubwordTokenizer
from mime_fast.text.word_pieces import minilm_word_pieces
from mime_fast.training.run_folder import WEIGHTS
from mime_fast.training.state import load_state, save_state


def start_from_packages(
    tokenizer: SubwordTokenizer, whole: PieceTokenizer, smollm2: dict[str, Tensor], seed: int
) -> MimeBase:
    """A new model over cut tokenisers, with MiniLM as encoder and layers of SmolLM2 as decoder.

    whole, smollm2: the tokeniser that the reply's was cut from, and the weights over it.
    """
    torch.manual_seed(seed)
    config = ModelConfig(
        architecture=NAME,
        vocab_size=tokenizer.vocab_size,
        context_vocab_size=tokenizer.context_vocab_size,
        **SHAPE,
    )
    model = MimeBase(config)
    minilm = load_minilm(minilm_folder() / "model.safetensors")
    row = {piece: index for index, piece in enumerate(minilm_word_pieces())}
    rows = [row[piece] for piece in tokenizer.context.pieces]
    minilm["embedding.weight"] = minilm["embedding.weight"][rows]
    minilm["positions.weight"] = minilm["positions.weight"][: config.max_positions]
    model.context_encoder.load_state_dict(minilm)
    table = smollm2["embedding.weight"][tokenizer.reply.rows_of(whole)]
    layers = spread(config.decoder_layers, LlamaConfig.num_layers)
    copy_layers(model.decoder, {**smollm2, "embedding.weight": table}, layers)
    return model


def spread(count: int, total: int) -> list[int]:
    """Choose `count` of the layers 0 to total - 1 evenly, the first and the last among them."""
    return [round(place * (total - 1) / max(1, count - 1)) for place in range(count)]


def start_from_run(folder: Path, tokenizer: SubwordTokenizer) -> MimeBase:
    """The model that a stage left in its folder.

    Raises:
        FileNotFoundError: the folder holds no finished model.
        ValueError: it is damaged, or has other pieces than the data.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no {WEIGHTS}; make it: mime-fast learn")
    groups, facts = load_state(path)
    config = ModelConfig.from_dict(facts["config"])
    sizes = (tokenizer.context_vocab_size, tokenizer.vocab_size)
    if (config.context_vocab_size, config.vocab_size) != sizes:
        raise ValueError(
            f"{path} has {config.context_vocab_size} word pieces and {config.vocab_size} subwords, "
            f"and the data give {sizes[0]} and {sizes[1]}; use the --data and --min-count of that "
            "stage"
        )
    model = MimeBase(config)
    model.load_state_dict({name: tensor.float() for name, tensor in groups["model"].items()})
    return model


READING = ("context_encoder.", "emotion_embedding.", "emotion_classifier.", "intent_classifier.")


def take_reading(model: MimeBase, other: MimeBase) -> None:
    """Give the model the other one's context encoder and its classifiers."""
    taken = {
        name: tensor for name, tensor in other.state_dict().items() if name.startswith(READING)
    }
    model.load_state_dict(taken, strict=False)


def save_model(folder: Path, model: MimeBase) -> None:
    """Write the weights, in float16."""
    tensors = {name: tensor.half() for name, tensor in model.state_dict().items()}
    save_state(folder / WEIGHTS, {"model": tensors}, {"config": model.config.to_dict()})
