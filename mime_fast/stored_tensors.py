"""model.safetensors: how tensors are stored, and whether they are those of a config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from mime_fast.checkpoint_error import CheckpointError
from mime_fast.config import ModelConfig
from mime_fast.models import parameter_shapes
from mime_fast.quantized import SCALE, dequantize, scales_of
from mime_fast.types import FloatArray

STORED = {np.dtype(np.float16): "F16", np.dtype(np.float32): "F32", np.dtype(np.int8): "I8"}


def read_tensors(path: Path, config: ModelConfig) -> dict[str, FloatArray]:
    """Every tensor of a file as float32. Needs torch for the shapes.

    Names, shapes and types are checked first. CheckpointError names the path.
    """
    try:
        with safe_open(str(path), framework="np") as file:
            stored = {name: file.get_slice(name) for name in sorted(file.keys())}
            shapes = {name: tuple(part.get_shape()) for name, part in stored.items()}
            types = {name: str(part.get_dtype()) for name, part in stored.items()}
            check_stored(shapes, types, config)
            scales = scales_of(shapes)
            return {name: _read_tensor(file, name) for name in shapes if name not in scales}
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({error}); copy it again"
        ) from error
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def read_quantized(path: Path) -> dict[str, tuple[np.ndarray[Any, Any], FloatArray]]:
    """The values and the scales of every tensor that is stored as int8; see read_tensors."""
    with safe_open(str(path), framework="np") as file:
        scaled = [scale.removesuffix(SCALE) for scale in sorted(scales_of(file.keys()))]
        return {name: (file.get_tensor(name), file.get_tensor(name + SCALE)) for name in scaled}


def check_stored(
    shapes: Mapping[str, tuple[int, ...]], types: Mapping[str, str], config: ModelConfig
) -> None:
    """Check names and shapes, then how each tensor is stored; CheckpointError: one does not fit."""
    scales = scales_of(shapes)
    own = {name: shape for name, shape in shapes.items() if name not in scales}
    check_tensors(own, parameter_shapes(config))
    for name in own:
        stored, scale = types[name], name + SCALE
        if stored == "I8" and (types.get(scale) != "F32" or shapes[scale] != shapes[name][:1]):
            raise CheckpointError(f"{name} is stored as I8 without a fitting {scale}")
        if stored not in STORED.values():
            raise CheckpointError(f"{name} is stored as {stored}; store it as F32 or F16")
        if stored != "I8" and scale in scales:
            raise CheckpointError(f"{scale} is of {name}, which is stored as {stored}, not I8")


def _read_tensor(file: Any, name: str) -> FloatArray:
    stored = file.get_tensor(name)
    if stored.dtype == np.int8:
        scale = file.get_tensor(name + SCALE)
        check_finite(name + SCALE, scale)
        return dequantize(stored, scale)
    tensor = np.ascontiguousarray(stored, dtype=np.float32)
    check_finite(name, tensor)
    return tensor


def check_finite(name: str, tensor: np.ndarray[Any, Any]) -> None:
    """CheckpointError: it holds NaN or infinity."""
    if not np.isfinite(tensor).all():
        raise CheckpointError(f"{name} holds NaN or infinity; train or convert it again")


def check_tensors(
    found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Compare names and shapes; CheckpointError lists what is missing, unknown or misshapen."""
    problems = [f"missing {name}" for name in sorted(expected.keys() - found.keys())]
    problems += [f"unknown {name}" for name in sorted(found.keys() - expected.keys())]
    problems += [
        f"{name} has shape {found[name]}, expected {expected[name]}"
        for name in sorted(expected.keys() & found.keys())
        if found[name] != expected[name]
    ]
    if problems:
        shown = "; ".join(problems[:8])
        more = f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise CheckpointError(
            f"the tensors do not fit the config, take both from the same checkpoint: {shown}{more}"
        )
