"""A checkpoint on a device: loaded once, and shared by all calls."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

import torch
from torch import Tensor

from mime_fast import _C
from mime_fast.checkpoint import Checkpoint
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.config import ModelConfig
from mime_fast.engines.cuda.graphs import Recorder
from mime_fast.engines.cuda.system import CudaSystem
from mime_fast.engines.cuda.weight_reader import WeightReader


@dataclass(frozen=True)
class Model:
    """What buffers and launches are made of; the engine, which keeps them, is not part of it."""

    config: ModelConfig
    system: CudaSystem
    drafts: tuple[Tensor, Tensor, Tensor] | None  # hashes, words, confidences; see _C.draft_step
    device: torch.device
    recorder: Recorder


def load_model(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> Model:
    """Weights and draft table of a checkpoint; see WeightReader for dtype."""
    with torch.device("cpu"):  # whatever the default device is
        system = _load_system(WeightReader(checkpoint, device, dtype))
        drafts = _load_drafts(checkpoint, device)
    return Model(
        config=checkpoint.config,
        system=system,
        drafts=drafts,
        device=device,
        recorder=Recorder(device),
    )


def _load_system(reader: WeightReader) -> CudaSystem:
    """The class of the config's system, in the file of its name, reads its weights."""
    declared = reader.config.system
    module = import_module(f"mime_fast.engines.cuda.{declared.name}")
    found: CudaSystem = getattr(module, declared.class_name)(reader)
    return found


def _load_drafts(
    checkpoint: Checkpoint, device: torch.device
) -> tuple[Tensor, Tensor, Tensor] | None:
    if not checkpoint.drafts.exists():
        return None
    try:
        buckets = _C.load_draft_buckets(checkpoint.drafts, checkpoint.config.vocab_size)
    except _C.CheckpointError as error:
        raise CheckpointError(str(error)) from error
    hashes, words, confidences = (torch.from_numpy(part).to(device) for part in buckets)
    return hashes, words, confidences
