"""The folder of a run of a stage: its state while it trains, the model when it has ended."""

from __future__ import annotations

import os
from pathlib import Path

from mime_fast.files import check_folder

STATE, WEIGHTS = "state.safetensors", "model.safetensors"


def check_run_folder(out: Path, resume: bool) -> None:
    """Check that the folder can be written, and that a run is there just if it is resumed.

    Raises:
        FileExistsError: the folder holds a run, and resume is False.
        FileNotFoundError: nothing is there to resume.
        WriteError: the folder cannot be written.
    """
    state = out / STATE
    has_state = os.path.lexists(state)  # unlike exists() it is no error of a name that is too long
    if resume and not has_state:
        raise FileNotFoundError(f"nothing to resume: {state} does not exist")
    if not resume and (has_state or os.path.lexists(out / WEIGHTS)):
        raise FileExistsError(f"{out} holds a run; use --resume to go on, or another --out")
    check_folder(out)
