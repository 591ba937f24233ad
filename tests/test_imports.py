"""Imports form no circle, between modules or folders; and none of the package needs torch."""

import subprocess
import sys
from pathlib import Path

import grimp
import pytest


def circles(package: str) -> dict[str, set[tuple[str, str]]]:
    """By folder, the imports between its members that would have to go.

    A circle of modules is one between members of their lowest common folder. Imports within
    functions and those for type checkers count too.
    """
    graph = grimp.build_graph(package, cache_dir=None)
    folders = [module for module in graph.modules if graph.find_children(module)]
    found = {folder: graph.nominate_cycle_breakers(folder) for folder in folders}
    return {folder: imports for folder, imports in found.items() if imports}


@pytest.mark.parametrize("package", ["mime_fast", "benchmarks", "tests"])
def test_no_circle_is_in_a_package(package: str) -> None:
    assert circles(package) == {}


@pytest.mark.parametrize(
    "way_back",
    [
        "import {package}.a.first",
        "def late():\n    from {package}.a import first",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {package}.a import second",
    ],
)
def test_a_circle_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way_back: str) -> None:
    package = f"circular_{tmp_path.name}"
    files = {
        "__init__": "",
        "a/__init__": "",
        "a/first": f"import {package}.b",
        "a/second": "",
        "b": way_back.format(package=package),
    }
    for name, text in files.items():
        path = tmp_path / package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert circles(package).keys() == {package}


@pytest.mark.parametrize("module", ["mime_fast", "mime_fast._C", "mime_fast.engines.native"])
def test_import_does_not_import_torch(module: str) -> None:
    pytest.importorskip("torch")
    check = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
