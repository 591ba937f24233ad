"""The outputs that the authors released and the examples they answer, where both are at hand."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from mime_fast.evaluation.outputs.files import read_outputs
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.text.examples import Example, load_examples

ED = Path(os.environ.get("MIME_FAST_ED") or Path(__file__).parents[3] / "shared/data/ed")


def released(system: str) -> Outputs:
    """The outputs of released_mime, released_trs, released_multi_tr, ...; skips without data."""
    return _released()[system]


def released_examples() -> list[Example]:
    """The 5,255 test examples; skips where they are not."""
    return _examples(_existing(ED / "test_examples.jsonl"))


@cache
def _examples(path: Path) -> list[Example]:
    return load_examples(path)


def _released() -> dict[str, Outputs]:
    folder = ED.parent / "released_outputs"
    files = [_existing(folder / name) for name in ("mime.txt", "moel.txt")]
    return _read(tuple(files), _existing(ED / "test_examples.jsonl"))


@cache
def _read(files: tuple[Path, ...], examples: Path) -> dict[str, Outputs]:
    found = [outputs for file in files for outputs in read_outputs(file, _examples(examples))]
    return {outputs.system: outputs for outputs in found}


def _existing(file: Path) -> Path:
    if not file.is_file():
        pytest.skip(f"no {file}: set MIME_FAST_ED to the folder of EmpatheticDialogues")
    return file
