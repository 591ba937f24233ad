"""Many values are passed by keyword: two of a type that change places are no error otherwise."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("mime_fast", "kernels", "benchmarks")
MOST = 7  # values by position; those that are unpacked (*values) do not count

pytestmark = pytest.mark.skipif(not (ROOT / "mime_fast").is_dir(), reason="no sources are here")


def crowded(source: str) -> Iterator[str]:
    """The calls that pass more."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            given = sum(not isinstance(argument, ast.Starred) for argument in node.args)
            if given > MOST:
                yield f"line {node.lineno}: {ast.unparse(node.func)} takes {given} by position"


def test_no_call_passes_many_values_by_position() -> None:
    modules = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(modules) > 300
    found = [
        f"{path.relative_to(ROOT)}, {call}"
        for path in modules
        for call in crowded(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_such_a_call_is_found() -> None:
    assert list(crowded("f(1, 2, 3, 4, 5, 6, 7)\ng(1, 2, 3, *more, key=4)")) == []
    (found,) = crowded("x = 1\ny = shape.Box(1, 2, 3, 4, 5, 6, *more, 7, 8)")
    assert found == "line 2: shape.Box takes 8 by position"
