"""Compiles every kernel without a GPU, as the engine launches it, and counts what it needs.

python -m mime_fast.kernels.report [--target 80 90] [--json]
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from mime_fast.kernels import launches
from mime_fast.kernels.ptx import count

POINTERS = {
    torch.float64: "*fp64",
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.int8: "*i8",
    torch.int32: "*i32",
}
# What kernels call the matrices that they multiply by.
WEIGHTS = {
    *("weight", "gate", "output", "qkv", "cross_query", "cross_output", "inner", "outer"),
    *("mixture_weight", "table"),
}
DIVISIBLE = [["tt.divisibility", 16]]


@dataclass(frozen=True)
class Launch:
    """A call of a kernel: what Triton specialises it by."""

    kernel: Any
    signature: dict[str, str]
    constants: dict[str, Any]
    divisible: tuple[str, ...]  # arguments that are known to be multiples of 16
    weights: frozenset[int]  # which of the arguments that are passed point to weights
    options: dict[str, int]  # num_warps and the like


@dataclass(frozen=True)
class Compiled:
    """What ptxas made of a launch."""

    name: str
    weights: str  # the type of the weights
    target: str
    registers: int
    spilled: int  # bytes
    shared: int  # bytes a program
    tf32: bool  # whether a float32 product is rounded to tf32
    load_bytes: int  # of a thread's narrowest load of a weight; 0: no weight is loaded
    loads: int  # of weights; each is counted once, however often its loop runs
    shuffles: int  # within loops, counted likewise
    barriers: int


@contextmanager
def recorded(weights: torch.dtype) -> Iterator[list[Launch]]:
    """Kernels that are called meanwhile are not run, but listed. weights: the type of theirs."""
    calls: list[Launch] = []

    def record(kernel: Any, *arguments: Any, grid: Any, warmup: bool, **named: Any) -> None:  # noqa: ARG001
        calls.append(_launch(kernel, arguments, named, weights))

    with patch.object(JITFunction, "run", record):
        yield calls


def _launch(
    kernel: Any, arguments: tuple[Any, ...], named: dict[str, Any], dtype: torch.dtype
) -> Launch:
    values = dict(zip(kernel.arg_names, arguments, strict=False)) | named
    options = {name: value for name, value in named.items() if name not in kernel.arg_names}
    signature, constants, divisible = {}, {}, []
    for parameter in kernel.params:
        name, value = parameter.name, values[parameter.name]
        if parameter.is_constexpr or value is None or (type(value) is int and value == 1):
            signature[name], constants[name] = "constexpr", value
        elif isinstance(value, torch.Tensor):
            signature[name] = POINTERS[value.dtype]
            divisible.append(name)
        elif isinstance(value, float):
            signature[name] = "fp32"
        else:
            signature[name] = "i32" if abs(value) < 2**31 else "i64"
            if value % 16 == 0:
                divisible.append(name)
    passed = [name for name, kind in signature.items() if kind != "constexpr"]
    weights = frozenset(
        index
        for index, name in enumerate(passed)
        if name in WEIGHTS and signature[name] == POINTERS[dtype]
    )
    return Launch(
        kernel=kernel,
        signature=signature,
        constants=constants,
        divisible=tuple(divisible),
        weights=weights,
        options=options,
    )


def compile_launch(launch: Launch, weights: str, capability: int) -> Compiled:
    """Down to a cubin for that capability, 90 for an H100 or H200."""
    names = launch.kernel.arg_names
    source = ASTSource(
        launch.kernel,
        launch.signature,
        {(names.index(name),): value for name, value in launch.constants.items()},
        {(names.index(name),): DIVISIBLE for name in launch.divisible},
    )
    target = GPUTarget("cuda", capability, 32)
    compiled = triton.compile(source, target=target, options=launch.options)
    registers, spilled = _resources(compiled.asm["cubin"])
    counted = count(compiled.asm["ptx"], launch.weights)
    return Compiled(
        name=launch.kernel.__name__.removesuffix("_kernel"),
        weights=weights,
        target=f"sm_{capability}",
        registers=registers,
        spilled=spilled,
        shared=compiled.metadata.shared,
        tf32="tf32" in compiled.asm["ptx"],
        **counted._asdict(),
    )


def _resources(cubin: bytes) -> tuple[int, int]:
    """Registers a thread and bytes of its stack: nothing but spilled registers is there."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [_cuobjdump(), "--dump-resource-usage", file.name]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    ((registers, stack),) = re.findall(r"REG:(\d+) STACK:(\d+)", output)
    return int(registers), int(stack)


def _cuobjdump() -> str:
    return str(Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump")


def compile_all(capabilities: list[int]) -> Iterator[Compiled]:
    """Every kernel, with weights in each type, for those of the capabilities that it has."""
    for weights, model, targets in launches.BY_TYPE:
        with recorded(weights) as calls:
            for launch in model:
                launch(weights)
        name = str(weights).removeprefix("torch.")
        for call, capability in product(_different(calls), capabilities):
            if capability in targets:
                yield compile_launch(call, name, capability)


def _different(calls: list[Launch]) -> list[Launch]:
    """Launches of the same code once."""
    return [call for index, call in enumerate(calls) if call not in calls[:index]]


def main() -> None:
    """Compile every kernel, and print registers, spills and shared memory."""
    parser = argparse.ArgumentParser(prog="python -m mime_fast.kernels.report")
    parser.add_argument("--target", type=int, nargs="+", default=[80, 90], help="e.g. 80 90")
    parser.add_argument("--json", action="store_true", help="one object a line")
    options = parser.parse_args()
    show: Callable[[Compiled], None] = _show_json if options.json else _show_row
    if not options.json:
        print(
            f"{'kernel':20} {'weights':8} {'target':7} registers  spilled  shared  "
            "load bytes  loads  shuffles  barriers"
        )
    for compiled in compile_all(options.target):
        show(compiled)


def _show_json(compiled: Compiled) -> None:
    print(json.dumps(asdict(compiled)), flush=True)


def _show_row(each: Compiled) -> None:
    print(
        f"{each.name:20} {each.weights:8} {each.target:7} "
        f"{each.registers:9} {each.spilled:8} {each.shared:7}  "
        f"{each.load_bytes:10} {each.loads:6} {each.shuffles:9} {each.barriers:9}",
        flush=True,
    )


if __name__ == "__main__":
    main()
