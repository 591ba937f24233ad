"""State dicts in torch files of unknown origin, read without running their code."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mime_fast.checkpoint_error import CheckpointError
from mime_fast.config import ModelConfig
from mime_fast.convert.forms import UNSUPPORTED, Form, recognise
from mime_fast.models import parameter_shapes
from mime_fast.stored_tensors import check_tensors
from mime_fast.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor


# The dictionaries that MoEL's code saves beside each other, and the modules that they are of.
PARTS = {
    "embedding_dict": "embedding",
    "encoder_state_dict": "encoder",
    "decoder_state_dict": "decoder",
    "decoder_key_state_dict": "decoder_key",
    "generator_dict": "generator",
}


class ConvertError(CheckpointError):
    """A file that cannot be converted; the message names the value and the remedy."""


@dataclass(frozen=True)
class AuthorsState:
    """A state dict of published code."""

    source: Path
    tensors: "Mapping[str, Tensor]"
    form: Form

    def config(self, given: dict[str, Any]) -> ModelConfig:
        """The model's options: those that the tensors show, and those that were given."""
        self._check_supported()
        sizes = {option: self._size(*where) for option, where in self.form.sizes.items()}
        check_heads(given["num_heads"], sizes["key_dim"])
        layers = 1
        while any(name.startswith(f"encoder.enc.{layers}.") for name in self.tensors):
            layers += 1
        shown = {"architecture": self.form.architecture, "num_layers": layers, **sizes}
        try:
            return ModelConfig.from_dict({**self.form.options, **shown, **given})
        except ValueError as error:
            raise ConvertError(
                f"{self.source}: {error}; it is not a model that can be served"
            ) from error

    def check(self, config: ModelConfig) -> None:
        """Names and shapes are those of the config; ConvertError says which are not."""
        found = {
            name: tuple(tensor.shape)
            for name, tensor in self.tensors.items()
            if name.rpartition(".")[0] not in self.form.leftovers
        }
        shapes = parameter_shapes(config)
        expected = {self.form.name(name): shape for name, shape in shapes.items()}
        try:
            check_tensors(found, expected)
        except CheckpointError as error:
            raise ConvertError(
                f"{self.source} is not a state dict of the authors' {self.form.title} as "
                f"released: {error}"
            ) from error

    def array(self, name: str) -> FloatArray:
        """One of our parameters as float32."""
        theirs = self.form.name(name)
        tensor = self.tensors[theirs].detach()
        where = f"{self.source}: {theirs}"
        if problem := storage_problem(tensor):
            raise ConvertError(f"{where} {problem}; expected plain numbers in float32")
        array: FloatArray = tensor.float().numpy()
        if not np.isfinite(array).all():
            raise ConvertError(f"{where} holds NaN or infinity; take another checkpoint")
        return array

    def digest(self) -> str:
        """SHA-256 of the file."""
        with self.source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _check_supported(self) -> None:
        for pattern, option in UNSUPPORTED:
            for name in self.tensors:
                if re.match(pattern, name):
                    raise ConvertError(
                        f"{self.source} was trained with {option}, as {name} shows; this is not "
                        f"supported: only {self.form.title} as its paper has it is"
                    )

    def _size(self, name: str, axis: int) -> int:
        theirs = self.form.name(name)
        if theirs not in self.tensors:
            raise ConvertError(
                f"{self.source} misses {theirs}: it is not a state dict of the authors' "
                f"{self.form.title}, or not whole"
            )
        shape = tuple(self.tensors[theirs].shape)
        if len(shape) <= axis:
            raise ConvertError(
                f"{self.source}: {theirs} has shape {shape}, expected {axis + 1} axes"
            )
        return shape[axis]


def check_heads(heads: int, key_dim: int) -> None:
    """ConvertError unless a file of that key width can have been trained with so many heads."""
    if heads < 1:
        raise ConvertError(f"heads must be at least 1, got {heads}")
    if key_dim % heads:
        raise ConvertError(
            f"heads={heads} does not divide the key width {key_dim} of the file. The authors' code "
            "lowers its --depth to a multiple of its --heads, so the file shows the lowered width: "
            "give the --heads that it was trained with"
        )


def read_state(source: Path) -> AuthorsState:
    """The state dict of a file. Only torch's restricted unpickler ever sees it."""
    try:
        import torch  # noqa: PLC0415 - optional, and slow to import
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "convert needs torch; install the extra: pip install 'mime-fast[train]'"
        ) from error
    if not source.is_file():
        raise ConvertError(f"no file at {source}; expected a checkpoint of the authors' code")
    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises whatever its bytes happen to lead to
        raise ConvertError(_refusal(source, error)) from error
    state = _state_dict(source, loaded)
    if not isinstance(state, dict) or not state:
        raise ConvertError(f"{source} holds no state dict, neither under 'model' nor by itself")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise ConvertError(
                f"{source} holds no state dict: {name!r} is of type {type(tensor).__name__}, not "
                "a tensor; expected a dict of tensors, under 'model' or by itself"
            )
        if tensor.is_nested:
            raise ConvertError(f"{source}: {name} is a nested tensor; expected plain numbers")
    return AuthorsState(source, state, recognise(state))


def _state_dict(source: Path, loaded: object) -> object:
    """The state dict of what was loaded: under `model`, in parts, or the whole of it."""
    if not isinstance(loaded, dict):
        return loaded
    parts = {module: loaded[part] for part, module in PARTS.items() if part in loaded}
    if not parts:
        return loaded.get("model", loaded)
    for module, part in parts.items():
        if not isinstance(part, dict):
            raise ConvertError(
                f"{source}: the state dict of {module} is of type {type(part).__name__}; "
                "expected a dict of tensors"
            )
    return {f"{module}.{name}": part[name] for module, part in parts.items() for name in part}


def _refusal(source: Path, error: Exception) -> str:
    wanted = re.search(r"GLOBAL (\S+)", str(error))
    if wanted:
        return (
            f"{source} asks for {wanted[1]}, which is code, not a tensor. It was not run: such a "
            "file is never loaded. Save the tensors alone: torch.save(model.state_dict(), path)"
        )
    return f"{source} is not a whole torch file ({type(error).__name__}); download it again"


def storage_problem(tensor: "Tensor") -> str:
    """What keeps a tensor from being read as plain numbers; empty if nothing does."""
    if str(tensor.layout) != "torch.strided" or tensor.device.type != "cpu":
        return f"is stored as {tensor.layout} on {tensor.device}"
    if not tensor.is_floating_point():
        return f"is of type {tensor.dtype}"
    # A few bytes can pose as gigabytes by stride 0.
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return f"claims {tensor.numel()} numbers and holds fewer"
    return ""
