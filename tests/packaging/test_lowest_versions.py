"""Lower bounds that `make test-lower-bounds` can install."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("lowest_versions.py")


def test_every_base_dependency_has_a_lowest_version() -> None:
    printed = subprocess.run(
        [sys.executable, SCRIPT], check=True, capture_output=True, text=True
    ).stdout
    names = {pinned.partition("==")[0] for pinned in printed.split()}
    assert names >= {"numpy", "rich", "safetensors", "tokenizers", "typer"}
    assert "typer==0.15.4" in printed.split()
