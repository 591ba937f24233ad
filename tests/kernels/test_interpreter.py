"""Triton's interpreter checks integers, and kernels/interpreter.py makes it faster."""

from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from triton.runtime.errors import InterpreterError

from tests.kernels.tensors import ON_GPU

pytestmark = pytest.mark.skipif(ON_GPU, reason="no kernel is interpreted")
LARGEST = 2**31 - 1


@triton.jit  # type: ignore[untyped-decorator]
def plus(left: Any, right: Any) -> Any:
    return left + right


@triton.jit  # type: ignore[untyped-decorator]
def compute_kernel(out: Any, left: Any, right: Any, name: tl.constexpr) -> None:
    if name == "add":
        tl.store(out, plus(left, right))
    elif name == "sub":
        tl.store(out, left - right)
    else:
        tl.store(out, left * right)


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [("add", LARGEST - 1, 1), ("sub", -LARGEST, 1), ("mul", 2**30 - 1, 2)],
)
def test_integers_that_do_not_fit_are_an_error(name: str, left: int, right: int) -> None:
    out = torch.zeros(1, dtype=torch.int32)
    compute_kernel[(1,)](out, left, right, name)
    assert out.item() == {"add": left + right, "sub": left - right, "mul": left * right}[name]
    with pytest.raises(InterpreterError, match=f"int32 overflow detected for operation {name}"):
        compute_kernel[(1,)](out, left, right + 1, name)
    assert tl.core.is_builtin(tl.load)  # the language is put back
