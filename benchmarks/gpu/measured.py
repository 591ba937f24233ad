"""The files that an item leaves for its parent: what it measured, and what later items need."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.floors import Floors
from benchmarks.harness import Row
from benchmarks.results import write_document


def folder() -> Path:
    """Where the items of a run leave their files."""
    return Path(os.environ["MIME_FAST_GPU_FOLDER"])


def rows_path() -> Path:
    """What this item measured."""
    return Path(os.environ["MIME_FAST_GPU_ROWS"])


def save_rows(rows: Iterable[Row], **more: Any) -> None:
    """Save rows for the results; more: other parts of the document, such as its environment."""
    values = {"rows": [row.to_dict() for row in rows], **more}
    write_document(values, rows_path())


def load_values(path: Path) -> dict[str, Any]:
    """What an item has left of its measurements, if anything; ValueError if it cannot be read."""
    if not path.exists():
        return {}
    values: Any = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"expected an object, got {type(values).__name__}")  # noqa: TRY004
    return values


def save_floors(values: dict[str, Any]) -> None:
    """The limits of the GPU, for the items that follow."""
    write_document(values, folder() / "floors.json")


def load_floors() -> Floors | None:
    """What the item `limits` has measured; None if it has not."""
    path = folder() / "floors.json"
    if not path.exists():
        return None
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Floors(**{**values, "read": [(size, rate) for size, rate in values["read"]]})
