"""Where a training run writes: its checkpoint directory, and its state beside it."""

from __future__ import annotations

import os
from pathlib import Path

from torch import nn

from mime_fast import checkpoint
from mime_fast.files import check_file, check_place

# Copies in a training state: weights, averaged and best weights, and the optimizer's two moments.
STATE_COPIES = 5


def state_path(out: Path) -> Path:
    """The file of the state of the run that writes `out`; ValueError: `out` has no name."""
    if out.name in ("", ".."):
        raise ValueError(
            f"{str(out)!r} cannot be replaced by a checkpoint; name a folder in it, such as "
            f"--out {out / 'model'}"
        )
    return out.with_name(out.name + ".training.safetensors")


def check_target(out: Path, state: Path, resume: bool) -> None:
    """Check that a run may write there, before it reads anything.

    Raises:
        FileExistsError: something is there that would be overwritten.
        FileNotFoundError: there is no run to resume.
        CheckpointError: `out` cannot become a checkpoint.
        WriteError: `out` or `state` cannot be written.
    """
    if resume and not os.path.lexists(state):
        raise FileNotFoundError(f"nothing to resume: {state} does not exist")
    if not resume and os.path.lexists(state):
        raise FileExistsError(f"{state} holds a run; use --resume to go on, or another --out")
    if not resume and os.path.lexists(out) and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} exists; name another --out, or remove it first")
    checkpoint.check_target(out)
    check_file(state)


def check_room(state: Path, model: nn.Module, copies: int = STATE_COPIES) -> None:
    """Check that the states and the checkpoint of a model fit there; else WriteError.

    copies: how many times a state holds the model's weights.
    """
    weights = sum(parameter.nbytes for parameter in model.parameters())
    size = copies * weights
    missing = size if state.exists() else 2 * size  # a new state is written beside the old one
    check_place(state, size, missing + weights // 2)  # the checkpoint is in float16
