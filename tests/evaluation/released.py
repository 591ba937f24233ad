"""The outputs that the authors released, where their file is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ED = Path(os.environ.get("MIME_FAST_ED") or Path(__file__).parents[3] / "shared/data/ed")


def released_outputs(column: str) -> list[list[str]]:
    """The words of every line of one column: Topk, Beam, Greedy or Ref."""
    file = ED.parent / "released_outputs/mime.txt"
    if not file.is_file():
        pytest.skip(f"the authors' outputs are not at {file}; set MIME_FAST_ED")
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line.split(":", 1)[1].split() for line in lines if line.startswith(column + ":")]
