"""Triton's interpreter, faster: it runs the kernels where there is no GPU (TRITON_INTERPRET=1)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import triton.language as tl
from triton.runtime import interpreter


def patch_interpreter() -> None:
    """Replace what takes the interpreter longest. It must not be called while a kernel runs."""
    interpreter._patch_builtin = _make_patch_builtins()  # noqa: SLF001
    interpreter._patch_lang = _make_patch_lang(interpreter._patch_lang)  # noqa: SLF001
    interpreter._get_np_dtype = _make_numpy_type(interpreter._get_np_dtype)  # noqa: SLF001
    interpreter.interpreter_semantic.binary_op_sanitize_overflow_impl = check_overflow


def _make_patch_builtins() -> Callable[..., None]:
    """Make what replaces the language's functions before each function of a kernel.

    The interpreter searches the whole language each time: a quarter of its time. Here the names
    are searched for once.
    """
    places = (tl, tl.core, tl.math, tl.tensor, tl.core.tensor_descriptor_base)
    names = {id(place): _builtins(place) for place in places}

    def patch_builtins(place: Any, *arguments: Any) -> None:
        for name in names.get(id(place)) or _builtins(place):
            member = getattr(place, name)
            if tl.core.is_builtin(member):
                interpreter._patch_attr(place, name, member, *arguments)  # noqa: SLF001

    return patch_builtins


def _make_patch_lang(patch: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make what replaces the language, unless a caller of the kernel's function has done so."""

    @cache
    def languages(function: Any) -> list[Any]:
        names = function.__globals__.values()
        return [each for each in (tl, tl.core) if any(value is each for value in names)]

    def patch_once(function: Any) -> Any:
        seen = languages(function)
        if seen and not any(tl.core.is_builtin(language.load) for language in seen):
            return interpreter._LangPatchScope()  # noqa: SLF001
        return patch(function)

    return patch_once


def _builtins(place: Any) -> list[str]:
    return [name for name, member in inspect.getmembers(place) if tl.core.is_builtin(member)]


def _make_numpy_type(find: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make what finds numpy's type of a number. The interpreter makes a table at each call."""
    kept = cache(find)

    def numpy_type(dtype: Any) -> Any:
        element = dtype.scalar
        return find(element) if element.is_ptr() else kept(element)

    return numpy_type


_WIDE = {"add": np.add, "sub": np.subtract, "mul": np.multiply}


def check_overflow(left: Any, right: Any, operation: Callable[..., Any]) -> None:
    """Check that integers fit their type.

    Triton's interpreter does so in ten operations, and ignores the result unless it debugs.
    """
    dtype = left.type.scalar
    if dtype.int_bitwidth >= 64:
        return
    name = operation.__name__
    exact = _WIDE[name](left.handle.data, right.handle.data, dtype=np.int64)
    fits = dtype.get_int_min_value() <= exact.min() and exact.max() <= dtype.get_int_max_value()
    assert fits, f"int{dtype.int_bitwidth} overflow detected for operation {name}"  # noqa: S101
