"""Files that are written as a whole or not at all."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4


def make_folder(folder: Path) -> None:
    """The folder, and those above it. OSError: it can be none, with the remedy."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{folder} cannot be a folder ({error.strerror}); name another") from error


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once: a reader sees the old one or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
