"""Named groups of tensors in one safetensors file: a training run's state, or its teacher."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mime_fast.files import replacing


def save_state(path: Path, groups: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> None:
    """Write named groups of tensors and JSON facts; a reader sees the old file or the new one."""
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous().clone()
        for group, members in groups.items()
        for name, tensor in members.items()
    }
    with replacing(path) as staging:
        save_file(tensors, staging, metadata={"facts": json.dumps(facts)})


def load_state(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read what save_state wrote; ValueError names a file that is not whole."""
    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(str(path), framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            for key in file.keys():  # noqa: SIM118 - a safetensors file is not a mapping
                group, name = key.split("/", 1)
                groups.setdefault(group, {})[name] = file.get_tensor(key)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is not a whole training state ({error}); delete it and train from the start"
        ) from error
    return groups, facts


def digest(*everything: object) -> str:
    """Changes with any word or number, and with their order."""
    return hashlib.blake2b(repr(everything).encode(), digest_size=16).hexdigest()


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's moments and step counts, named by parameter number."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": value
        for index, tensors in state.items()
        for key, value in tensors.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of optimizer_tensors."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
