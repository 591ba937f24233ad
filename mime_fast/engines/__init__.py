"""Engines: eager (PyTorch, the definition of right) and native (CPU, no torch)."""

from __future__ import annotations

from mime_fast.checkpoint import Checkpoint
from mime_fast.engines.base import Engine

ENGINES = ("auto", "native", "eager")
COMPUTE_TYPES = {"native": ("auto", "int8", "float32", "bfloat16"), "eager": ("auto", "float32")}


def create_engine(
    checkpoint: Checkpoint,
    *,
    engine: str = "auto",
    device: str = "auto",
    compute_type: str = "auto",
    intra_threads: int | None = None,
) -> Engine:
    """Build the engine that the options name; ValueError names an option that does not fit.

    auto: native, which needs no torch, and of its compute types int8, which is exact as
    docs/architecture.md defines it. `device` other than the CPU needs engine="eager",
    `intra_threads` the native one.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    chosen = "native" if engine == "auto" else engine
    if compute_type not in COMPUTE_TYPES[chosen]:
        known = ", ".join(map(repr, COMPUTE_TYPES[chosen]))
        raise ValueError(
            f"compute_type of the {chosen} engine must be one of {known}, got {compute_type!r}"
        )
    if chosen == "eager":
        return _eager(checkpoint, device, intra_threads)
    return _native(checkpoint, device, compute_type, intra_threads)


def _native(
    checkpoint: Checkpoint, device: str, compute_type: str, intra_threads: int | None
) -> Engine:
    if device not in ("auto", "cpu"):
        raise ValueError(
            f"the native engine runs on the CPU, got device={device!r}; use engine='eager'"
        )
    if intra_threads is not None and not (type(intra_threads) is int and 1 <= intra_threads <= 256):
        raise ValueError(f"intra_threads must be an integer in [1, 256], got {intra_threads!r}")
    from mime_fast.engines.native import NativeEngine

    exact = "int8" if compute_type == "auto" else compute_type
    return NativeEngine(checkpoint, exact, intra_threads)


def _eager(checkpoint: Checkpoint, device: str, intra_threads: int | None) -> Engine:
    if intra_threads is not None:
        raise ValueError(
            f"intra_threads={intra_threads} is for the native engine; leave it out for eager"
        )
    try:
        from mime_fast.engines.eager import EagerEngine
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "engine='eager' needs torch; install the extra: pip install 'mime-fast[train]'"
        ) from error
    return EagerEngine(checkpoint, "cpu" if device == "auto" else device)
