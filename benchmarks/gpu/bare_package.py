"""Imports of the package before its extension is built."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def skip_extension_check() -> None:
    """Let mime_fast.kernels be imported without _C, for which mime_fast/__init__.py asks."""
    if "mime_fast" not in sys.modules:
        package = ModuleType("mime_fast")
        package.__path__ = [str(ROOT / "mime_fast")]
        sys.modules["mime_fast"] = package
