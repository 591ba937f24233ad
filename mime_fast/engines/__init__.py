"""Engines: eager (PyTorch, the definition of right), native (CPU, no torch), cuda (GPU)."""

from __future__ import annotations

import os

from mime_fast.checkpoint import Checkpoint
from mime_fast.config import ModelConfig
from mime_fast.engines.base import Engine

ENGINES = ("auto", "native", "eager", "cuda")
COMPUTE_TYPES = {
    "native": ("auto", "int8", "float32", "bfloat16"),
    "eager": ("auto", "float32"),
    "cuda": ("auto", "float32", "float16", "bfloat16"),
}


def create_engine(
    checkpoint: Checkpoint,
    *,
    engine: str = "auto",
    device: str = "auto",
    compute_type: str = "auto",
    intra_threads: int | None = None,
) -> Engine:
    """Build the engine that the options name; ValueError names an option that does not fit.

    engine: "auto" is cuda if the device is one, and else native, which needs no torch.
    device: "auto" is cuda for the cuda engine, and else the CPU, which is the native engine's only
    device.
    compute_type: "auto" is exact: int8, as docs/architecture.md defines it, for the native engine,
    and float32 for the others.
    intra_threads: threads of a call; for the native engine only.
    """
    chosen = choose_engine(engine, device, compute_type)
    if chosen == "native":
        return _native(checkpoint, compute_type, intra_threads)
    if intra_threads is not None:
        raise ValueError(
            f"intra_threads={intra_threads} is for the native engine; leave it out for {chosen}"
        )
    if chosen == "eager":
        return _eager(checkpoint, "cpu" if device == "auto" else device)
    check_served(chosen, checkpoint.config)
    exact = "float32" if compute_type == "auto" else compute_type
    return _cuda(checkpoint, "cuda" if device == "auto" else device, exact)


def choose_engine(engine: str = "auto", device: str = "auto", compute_type: str = "auto") -> str:
    """The name of the engine that the options choose, which need not run on this machine.

    ValueError: a name is unknown, or two do not fit.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    is_gpu = device.partition(":")[0] == "cuda"
    chosen = engine if engine != "auto" else "cuda" if is_gpu else "native"
    if compute_type not in COMPUTE_TYPES[chosen]:
        known = ", ".join(map(repr, COMPUTE_TYPES[chosen]))
        raise ValueError(
            f"compute_type of the {chosen} engine must be one of {known}, got {compute_type!r}"
        )
    if chosen == "native" and device not in ("auto", "cpu"):
        raise ValueError(
            f"the native engine runs on the CPU, got device={device!r}; "
            "use engine='cuda' or engine='eager'"
        )
    if chosen == "cuda" and device != "auto" and not _is_interpreted(device):
        from mime_fast.engines.gpu import device_index

        device_index(device)
    return chosen


def _is_interpreted(device: str) -> bool:
    """Whether the cuda engine runs Triton's interpreter instead of a GPU."""
    return device == "cpu" and os.environ.get("TRITON_INTERPRET") == "1"


def check_served(engine: str, config: ModelConfig) -> None:
    """ValueError if an engine, as choose_engine names it, serves no checkpoint of this config."""
    if engine == "cuda" and not config.system.served_by_cuda(config):
        ablated = f" without {config.ablations[0]}" if config.ablations else ""
        system = config.system.name + ablated
        raise ValueError(
            "the cuda engine serves mime-base, and MIME as its paper has it, "
            f"and this checkpoint is of {system}; "
            "use engine='eager', or engine='native' if it serves that system"
        )


def _native(checkpoint: Checkpoint, compute_type: str, intra_threads: int | None) -> Engine:
    if intra_threads is not None and not (type(intra_threads) is int and 1 <= intra_threads <= 256):
        raise ValueError(
            f"intra_threads must be an integer in [1, 256], got {intra_threads!r} (--threads)"
        )
    from mime_fast.engines.native import NativeEngine

    exact = "int8" if compute_type == "auto" else compute_type
    return NativeEngine(checkpoint, exact, intra_threads)


def _eager(checkpoint: Checkpoint, device: str) -> Engine:
    try:
        from mime_fast.engines.eager import EagerEngine
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "engine='eager' needs torch; install the extra: pip install 'mime-fast[train]'"
        ) from error
    return EagerEngine(checkpoint, device)


def _cuda(checkpoint: Checkpoint, device: str, compute_type: str) -> Engine:
    if not _is_interpreted(device):
        from mime_fast.engines.gpu import check_gpu

        check_gpu(device)
    try:
        from mime_fast.engines.cuda import CudaEngine
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "engine='cuda' needs torch and triton; install the extra: pip install 'mime-fast[cuda]'"
        ) from error
    return CudaEngine(checkpoint, device, compute_type)
