"""Packages of npm that the tests need, in build/node; installed where that is possible."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "build" / "node"


@cache
def node_modules() -> Path:
    """The folder of the packages; the test is skipped where they cannot be had."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("no node: apt install npm")
    listed = (HERE / "package.json").read_text(encoding="utf-8")
    mark = FOLDER / "node_modules" / ".complete"
    if not mark.exists() or mark.read_text(encoding="utf-8") != listed:
        _install(listed)
        mark.write_text(listed, encoding="utf-8")
    return FOLDER / "node_modules"


def _install(listed: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "package.json").write_text(listed, encoding="utf-8")
    command = ["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", "--silent"]
    try:
        subprocess.run(command, cwd=FOLDER, check=True, capture_output=True, timeout=120)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"npm installs nothing here: {error}")
