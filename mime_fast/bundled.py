"""The checkpoints that come with the package, by name."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "pretrained"
NAMES = ("mime-base", "mime-small")
DEFAULT = "mime-base"


def is_bundled(checkpoint: str | Path) -> bool:
    """Whether it is the name of a bundled checkpoint; a folder of that name goes first."""
    return str(checkpoint) in NAMES and not Path(checkpoint).is_dir()


def folder_of(checkpoint: str | Path | None) -> Path:
    """The folder of a checkpoint, named by a path or by a bundled one's name; None: the default."""
    if checkpoint is None:
        return FOLDER / DEFAULT
    return FOLDER / checkpoint if is_bundled(checkpoint) else Path(checkpoint)
