"""The files that an item leaves for its parent: what it measured, and what later items need."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.floors import Floors
from benchmarks.harness import Row


def folder() -> Path:
    """Where the items of a run leave their files."""
    return Path(os.environ["MIME_FAST_GPU_FOLDER"])


def rows_path() -> Path:
    """What this item measured."""
    return Path(os.environ["MIME_FAST_GPU_ROWS"])


def save_rows(rows: Iterable[Row], **more: Any) -> None:
    """For the results; more: other parts of the document, such as its environment."""
    values = {"rows": [row.to_dict() for row in rows], **more}
    partial = rows_path().with_suffix(".partial")
    partial.write_text(json.dumps(values), encoding="utf-8")
    partial.replace(rows_path())


def take_rows(path: Path) -> dict[str, Any]:
    """What an item has left, which the next one must not find; nothing if it left nothing."""
    if not path.exists():
        return {"rows": []}
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return values


def save_floors(values: dict[str, Any]) -> None:
    """The limits of the GPU, for the items that follow."""
    (folder() / "floors.json").write_text(json.dumps(values), encoding="utf-8")


def load_floors() -> Floors | None:
    """What the item `limits` has measured; None if it has not."""
    path = folder() / "floors.json"
    if not path.exists():
        return None
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Floors(**{**values, "read": [(size, rate) for size, rate in values["read"]]})
