"""A kernel once against its slow twin at the default shape, in float32 and in half precision."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import starmap
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.kernel_cases import Case, cases, delayed, model_config
from benchmarks.gpu.measured import save_rows
from benchmarks.gpu.timing import finish
from mime_fast.kernels.row_groups import GroupProgress
from tests.kernels.tensors import within

COUNT = {"project": 20}  # rows; of the others so many requests or rows
ELSE = 3
REPEATS = {"groups": 20}  # a race shows in some runs only
# ||found - expected|| / ||expected||. Sums over 900 terms of float32 are off by less than 1e-6;
# tf32 by 3e-4. Half precision rounds what it multiplies: bfloat16 by 4e-3, float16 by 5e-4.
BOUNDS = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def main(op: str, device: str) -> int:
    """Check one op; 1 if a result is wrong."""
    tiny = device == "cpu"
    half = torch.float16 if tiny else torch.bfloat16  # which the interpreter gets wrong
    found: list[dict[str, Any]] = []
    with torch.inference_mode(), torch.device(device):
        for dtype in (torch.float32, half):
            for check in checks(op, dtype, torch.device(device), tiny=tiny):
                found.append(check)
                save_rows([], checks=found)  # an illegal access ends the process
                print(check, flush=True)
    return int(not all(check["passed"] for check in found))


def checks(
    op: str, dtype: torch.dtype, device: torch.device, *, tiny: bool
) -> Iterator[dict[str, Any]]:
    """The outcome of each case of an op; tiny: at a shape for the interpreter."""
    config, count = model_config(tiny=tiny), COUNT.get(op, ELSE)
    for seed in range(1 if tiny else REPEATS.get(op, 1)):
        ours, twins = (cases(op, config, dtype, count, seed) for _ in range(2))
        for one, other in zip(ours, twins, strict=True):
            began = time.perf_counter()
            case = delayed(one, seed) if op == "groups" else one
            found = _results(case, case.launch())
            finish(device)
            seconds = time.perf_counter() - began
            expected = _results(other, other.twin())
            error = max(starmap(_error, zip(found, expected, strict=True)))
            yield {
                "op": op,
                "case": one.name,
                "weights": str(dtype).removeprefix("torch."),
                "error": error,
                "passed": error <= BOUNDS[dtype] and not failed_rows(case),
                "first_launch_s": round(seconds, 3),  # it is compiled meanwhile
            }


def _results(case: Case, result: Any) -> list[Tensor]:
    """All that is specified of what a launch returns and writes."""
    parts = [result] if isinstance(result, Tensor) else result
    tensors = [part for part in parts if part is not None]
    if case.lengths is not None:
        tensors = [tensor.where(within(tensor, case.lengths), 0) for tensor in tensors]
    return [tensor.double() for tensor in (*tensors, *case.written)]


def failed_rows(case: Case) -> bool:
    """Whether a row of drafts has waited in vain."""
    progress = case.arguments[-1]
    return isinstance(progress, GroupProgress) and bool(progress.failed.any())


def _error(found: Tensor, expected: Tensor) -> float:
    """Relative; infinite where one is NaN or infinite and the other is not."""
    odd = ~expected.isfinite()
    if not torch.equal(odd, ~found.isfinite()):
        return float("inf")
    found, expected = found.where(~odd, 0), expected.where(~odd, 0)
    return float((found - expected).norm() / expected.norm().clamp(min=1e-30))
