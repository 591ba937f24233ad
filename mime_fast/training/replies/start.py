"""Where training of mime-base starts: layers of MiniLM and SmolLM2, or a checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from mime_fast import checkpoint
from mime_fast.checkpoint_error import CheckpointError
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
    model.context_encoder.load_state_dict(cut_minilm(tokenizer, config))
    table = smollm2["embedding.weight"][tokenizer.reply.rows_of(whole)]
    layers = spread(config.decoder_layers, LlamaConfig.num_layers)
    copy_layers(model.decoder, {**smollm2, "embedding.weight": table}, layers)
    return model


def cut_minilm(tokenizer: SubwordTokenizer, config: ModelConfig) -> dict[str, Tensor]:
    """MiniLM's weights, with rows for the tokeniser's word pieces and the model's positions."""
    minilm = load_minilm(minilm_folder() / "model.safetensors")
    row = {piece: index for index, piece in enumerate(minilm_word_pieces())}
    rows = [row[piece] for piece in tokenizer.context.pieces]
    minilm["embedding.weight"] = minilm["embedding.weight"][rows]
    minilm["positions.weight"] = minilm["positions.weight"][: config.max_positions]
    return minilm


def average_with_minilm(model: MimeBase, tokenizer: SubwordTokenizer, share: float) -> None:
    """Give MiniLM's weights a share of the encoder's: what fine-tuning forgot comes back.

    After Wortsman et al. 2022, "Robust fine-tuning of zero-shot models".
    """
    _average(model, cut_minilm(tokenizer, model.config), share)


def average_with_checkpoint(
    model: MimeBase, tokenizer: SubwordTokenizer, folder: Path, share: float
) -> None:
    """Give the encoder of another checkpoint a share of the model's.

    After Wortsman et al. 2022, "Model soups".

    Raises:
        CheckpointError: the folder holds no checkpoint of mime-base, or one over other word pieces.
    """
    other, its_tokenizer = start_from_checkpoint(folder)
    if its_tokenizer.context.pieces != tokenizer.context.pieces:
        raise CheckpointError(
            f"{folder} reads other word pieces than --start; --average needs a checkpoint that "
            "went on from the same one"
        )
    if other.config != model.config:
        raise CheckpointError(
            f"{folder} has another shape than --start; --average needs a checkpoint that went on "
            "from the same one"
        )
    _average(model, other.context_encoder.state_dict(), share)


def _average(model: MimeBase, encoder: dict[str, Tensor], share: float) -> None:
    with torch.no_grad():
        for name, weight in model.context_encoder.named_parameters():
            weight.lerp_(encoder[name], share)


def scale_intents(model: MimeBase, factor: float) -> None:
    """Multiply the intents' embeddings: a decoder that learned to ignore intents heeds them."""
    with torch.no_grad():
        model.intent_embedding.weight.mul_(factor)


def spread(count: int, total: int) -> list[int]:
    """Choose `count` of the layers 0 to total - 1 evenly, the first and the last among them."""
    return [round(place * (total - 1) / max(1, count - 1)) for place in range(count)]


def start_from_checkpoint(folder: Path) -> tuple[MimeBase, SubwordTokenizer]:
    """The model of a checkpoint, such as a stage leaves, and its tokeniser.

    Raises:
        CheckpointError: the folder holds no checkpoint of mime-base, or it is damaged.
    """
    found = checkpoint.load(folder)
    if not isinstance(found.tokenizer, SubwordTokenizer):
        raise CheckpointError(
            f"{folder} is a checkpoint of {found.config.system.name}; --start needs one of {NAME}, "
            "such as mime-base"
        )
    model = MimeBase(found.config)
    model.load_state_dict({name: torch.from_numpy(each) for name, each in found.tensors.items()})
    return model, found.tokenizer
