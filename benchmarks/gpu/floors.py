"""A GPU's limits, measured in the run: the bandwidth of copies by size, and of products the peak.

Copies of tens of megabytes stay in the second-level cache, as the weights of a step do.
"""

from __future__ import annotations

import statistics
from dataclasses import asdict

import torch

from benchmarks.floors import Floors
from benchmarks.gpu.measured import save_floors, save_rows
from benchmarks.gpu.timing import seconds_a_launch
from benchmarks.harness import summarise

SIZES = tuple(2**power for power in (24, 25, 26, 28, 30, 33))  # bytes, read and written together
SIDE = 8192
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def measure(device: torch.device) -> Floors:
    """The floors of a GPU; `threads` is 1, as it has one peak."""
    rehearsed = device.type == "cpu"
    sizes, side = (SIZES[:1], 64) if rehearsed else (SIZES, SIDE)
    name = "a rehearsal" if rehearsed else torch.cuda.get_device_name(device)
    nothing = _copy_seconds(8, device)
    return Floors(
        1,
        name,
        {str(dtype).removeprefix("torch."): _peak(dtype, side, device) for dtype in DTYPES},
        [(float(size), size / max(1e-9, _copy_seconds(size, device) - nothing)) for size in sizes],
    )


def main(name: str) -> int:
    """Measure the limits for the items that follow, and the least that a node of a graph takes."""
    device = torch.device(name)
    floors = asdict(measure(device))
    save_floors(floors)
    cell = torch.zeros(1, device=device)
    empty = seconds_a_launch(lambda: cell.add_(1), device)
    row = summarise("kernel: empty node", "float32", 1, empty)
    save_rows([row], floors=floors)
    print(floors, row)
    return 0


def _copy_seconds(size: int, device: torch.device) -> float:
    source = torch.ones(size // 8, device=device)
    target = torch.empty_like(source)
    return statistics.median(seconds_a_launch(lambda: target.copy_(source), device))


def _peak(dtype: torch.dtype, side: int, device: torch.device) -> float:
    """Operations a second of a large product; float32 is not rounded to TF32."""
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    launch = seconds_a_launch(lambda: torch.mm(left, right, out=out), device, launches=2)
    return 2 * side**3 / statistics.median(launch)
