"""Triton's interpreter, faster: it runs the kernels where there is no GPU (TRITON_INTERPRET=1).

Before each function of a kernel it searches the whole language for what to replace: a quarter of
its time. What can be replaced is now searched for once.
"""

from __future__ import annotations

import inspect
from typing import Any

import triton.language as tl
from triton.runtime import interpreter


def find_builtins_once() -> None:
    """Keep the names that the interpreter replaces. Not while a kernel runs: they are replaced."""
    places = (tl, tl.core, tl.math, tl.tensor, tl.core.tensor_descriptor_base)
    names = {id(place): _builtins(place) for place in places}

    def patch_builtins(place: Any, *arguments: Any) -> None:
        for name in names.get(id(place)) or _builtins(place):
            member = getattr(place, name)
            if tl.core.is_builtin(member):
                interpreter._patch_attr(place, name, member, *arguments)  # noqa: SLF001

    interpreter._patch_builtin = patch_builtins  # noqa: SLF001


def _builtins(place: Any) -> list[str]:
    return [name for name, member in inspect.getmembers(place) if tl.core.is_builtin(member)]
