"""How many examples of a kernel are tried, and which.

On a GPU each combination of block sizes is compiled for a second or two. So there are few examples,
always the same ones, and the default model's shape is one of them. None is shrunk there: after an
illegal access every later launch of the process fails too, and each would be compiled.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from hypothesis import Phase, example, settings

from tests.kernels.tensors import ON_GPU

Test = TypeVar("Test", bound=Callable[..., None])
UNSHRUNK = Phase.explicit, Phase.generate


def examples(count: int, *, on_gpu: bool = ON_GPU) -> settings:
    """Try `count` examples where kernels are interpreted, and 2 on a GPU."""
    if not on_gpu:
        return settings(max_examples=count)
    return settings(max_examples=2, derandomize=True, phases=UNSHRUNK)


def on_gpu(*shapes: dict[str, Any], dtypes: Iterable[torch.dtype] = ()) -> Callable[[Test], Test]:
    """Further examples of a test where there is a GPU, each with each of the types."""

    def add(test: Test) -> Test:
        for shape in shapes if ON_GPU else ():
            for more in [{"dtype": dtype} for dtype in dtypes] or [{}]:
                test = example(**shape, **more)(test)
        return test

    return add
