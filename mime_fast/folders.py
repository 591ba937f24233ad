"""A folder that is replaced as a whole."""

import ctypes
import shutil
from pathlib import Path


def replace_folder(staging: Path, folder: Path) -> None:
    """Put the staged folder in place; an older one is left in its stead, to be removed."""
    if not folder.exists():
        staging.replace(folder)
    elif not _exchange(staging, folder):
        old = staging.with_name(staging.name + ".old")
        folder.replace(old)
        try:
            staging.replace(folder)
        except OSError:
            old.replace(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step, which rename cannot; False where the system has no way."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return rename is not None and rename(here, bytes(first), here, bytes(second), swap) == 0
