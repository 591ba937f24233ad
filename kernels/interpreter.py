"""Triton's interpreter, faster: it runs the kernels where there is no GPU (TRITON_INTERPRET=1)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import triton.language as tl
from triton.runtime import interpreter


def hasten() -> None:
    """Replace what takes the interpreter longest. Not while a kernel runs."""
    interpreter._patch_builtin = _patching()  # noqa: SLF001
    interpreter._patch_lang = _patching_once(interpreter._patch_lang)  # noqa: SLF001
    interpreter._get_np_dtype = _numpy_type(interpreter._get_np_dtype)  # noqa: SLF001
    interpreter.interpreter_semantic.binary_op_sanitize_overflow_impl = check_overflow


def _patching() -> Callable[..., None]:
    """What the interpreter calls before each function of a kernel.

    It would search the whole language for what to replace: a quarter of its time. Names are now
    searched for once.
    """
    places = (tl, tl.core, tl.math, tl.tensor, tl.core.tensor_descriptor_base)
    names = {id(place): _builtins(place) for place in places}

    def patch_builtins(place: Any, *arguments: Any) -> None:
        for name in names.get(id(place)) or _builtins(place):
            member = getattr(place, name)
            if tl.core.is_builtin(member):
                interpreter._patch_attr(place, name, member, *arguments)  # noqa: SLF001

    return patch_builtins


def _patching_once(patch: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Does so unless a function that calls this one has replaced them."""

    @cache
    def languages(function: Any) -> list[Any]:
        names = function.__globals__.values()
        return [each for each in (tl, tl.core) if any(value is each for value in names)]

    def patch_once(function: Any) -> Any:
        if any(tl.core.is_builtin(language.load) for language in languages(function)):
            return patch(function)
        return interpreter._LangPatchScope()  # noqa: SLF001

    return patch_once


def _builtins(place: Any) -> list[str]:
    return [name for name, member in inspect.getmembers(place) if tl.core.is_builtin(member)]


def _numpy_type(find: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What the interpreter asks for each number, which makes a table of all types each time."""
    kept = cache(find)

    def numpy_type(kind: Any) -> Any:
        element = kind.scalar
        return find(element) if element.is_ptr() else kept(element)

    return numpy_type


_WIDE = {"add": np.add, "sub": np.subtract, "mul": np.multiply}


def check_overflow(left: Any, right: Any, operation: Callable[..., Any]) -> None:
    """Check integers as Triton does, with numpy instead of ten operations of the language."""
    kind = left.type.scalar
    if kind.int_bitwidth >= 64:
        return
    name = operation.__name__
    exact = _WIDE[name](left.handle.data, right.handle.data, dtype=np.int64)
    fits = kind.get_int_min_value() <= exact.min() and exact.max() <= kind.get_int_max_value()
    assert fits, f"int{kind.int_bitwidth} overflow detected for operation {name}"  # noqa: S101
