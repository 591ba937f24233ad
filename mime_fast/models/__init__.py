"""The systems in PyTorch, one file each. What they declare without torch is in mime_fast.systems.

Imports no torch: the classes are imported when a model is built.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mime_fast.config import ModelConfig
    from mime_fast.models.base import EncoderDecoder


def model_class(config: ModelConfig) -> type[EncoderDecoder]:
    """The class that the config's system names."""
    module = import_module(f"mime_fast.models.{config.system.name}")
    found: type[EncoderDecoder] = getattr(module, config.system.class_name)
    return found


def create_model(config: ModelConfig) -> EncoderDecoder:
    """The PyTorch model of a config, with torch's random weights; see base.initialise."""
    return model_class(config)(config)


def parameter_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a checkpoint; nothing of that size is allocated."""
    import torch  # noqa: PLC0415 - slow to import

    with torch.device("meta"):
        state = create_model(config).state_dict()
    if config.tie_embeddings:
        del state["output.weight"]
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
