"""Kernels are launched by keyword: a launch of 40 arguments by position cannot be read."""

import ast
from pathlib import Path

import pytest

import mime_fast.kernels

FILES = sorted(Path(mime_fast.kernels.__path__[0]).glob("*.py"))


def launches(tree: ast.AST) -> list[ast.Call]:
    """Calls of the form kernel[grid](...)."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Subscript)
        and ast.unparse(node.func.value).endswith("_kernel")
    ]


def test_every_op_launches_a_kernel() -> None:
    found = [call for file in FILES for call in launches(ast.parse(file.read_text("utf-8")))]
    assert len(found) == 10


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_argument_is_passed_by_position(file: Path) -> None:
    by_position = [
        f"line {call.lineno}: {ast.unparse(argument)}"
        for call in launches(ast.parse(file.read_text("utf-8")))
        for argument in call.args
    ]
    assert not by_position
