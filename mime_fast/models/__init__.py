"""The systems that are compared, one file each. docs/systems.md tells how to add another.

Imports no torch: the classes are imported when a model is built.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mime_fast.config import ModelConfig
    from mime_fast.models.base import ReplyModel


class System(NamedTuple):
    """A line of the registry."""

    class_name: str
    reads_emotion: bool  # whether a reply may depend on which emotion was recognised


# ModelConfig.architecture, which is the name of the file, and what is in it.
SYSTEMS = {
    "mime": System("Mime", reads_emotion=True),
    "multi_tr": System("MultiTr", reads_emotion=False),
    "moel": System("Moel", reads_emotion=True),
}


def model_class(architecture: str) -> type[ReplyModel]:
    """The class of a system."""
    module = import_module(f"mime_fast.models.{architecture}")
    system: type[ReplyModel] = getattr(module, SYSTEMS[architecture].class_name)
    return system


def create_model(config: ModelConfig) -> ReplyModel:
    """The PyTorch model of a config, with torch's random weights; see base.initialise."""
    return model_class(config.architecture)(config)


def parameter_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a checkpoint; nothing of that size is allocated."""
    import torch  # noqa: PLC0415 - slow to import

    with torch.device("meta"):
        state = create_model(config).state_dict()
    if config.tie_embeddings:
        del state["output.weight"]
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
