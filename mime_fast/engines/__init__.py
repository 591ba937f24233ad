"""Engines: eager (PyTorch, the definition of right) and native (CPU, no torch)."""

from __future__ import annotations

from mime_fast.checkpoint import Checkpoint
from mime_fast.engines.base import Engine

ENGINES = ("auto", "native", "eager")
COMPUTE_TYPES = ("auto", "float32")


def create_engine(
    checkpoint: Checkpoint,
    *,
    engine: str = "auto",
    device: str = "auto",
    compute_type: str = "auto",
) -> Engine:
    """Build the engine that the options name; ValueError names an option that does not fit.

    auto: native, which needs no torch. `device` other than the CPU needs engine="eager".
    """
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    if compute_type not in COMPUTE_TYPES:
        raise ValueError(f"compute_type must be 'float32' or 'auto', got {compute_type!r}")
    if engine == "eager":
        return _eager(checkpoint, device)
    if device not in ("auto", "cpu"):
        raise ValueError(
            f"the native engine runs on the CPU, got device={device!r}; use engine='eager'"
        )
    from mime_fast.engines.native import NativeEngine

    return NativeEngine(checkpoint)


def _eager(checkpoint: Checkpoint, device: str) -> Engine:
    try:
        from mime_fast.engines.eager import EagerEngine
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "engine='eager' needs torch; install the extra: pip install 'mime-fast[train]'"
        ) from error
    return EagerEngine(checkpoint, "cpu" if device == "auto" else device)
