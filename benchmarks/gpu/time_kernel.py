"""A kernel's time in a CUDA graph, caches hot and cold, beside the least that it takes."""

from __future__ import annotations

from statistics import median

import torch

from benchmarks.floors import BYTES
from benchmarks.gpu.kernel_cases import Case, cases, model_config
from benchmarks.gpu.measured import load_floors, save_rows
from benchmarks.gpu.timing import seconds_a_launch, seconds_cold
from benchmarks.harness import Row, summarise
from benchmarks.workload import BEAMS

COUNTS = {
    **dict.fromkeys(("decode_step", "project", "base_step"), (1, BEAMS, 256)),
    "groups": (1, 8),
}
ELSE = 1, 256


def main(op: str, device: str) -> int:
    """Time one op."""
    tiny = device == "cpu"
    rows: list[Row] = []
    types = (torch.float32,) if tiny else (torch.float32, torch.bfloat16)
    with torch.inference_mode(), torch.device(device):
        for dtype in types:
            for count in (1,) if tiny else COUNTS.get(op, ELSE):
                for case in cases(op, model_config(tiny=tiny), dtype, count, 0):
                    rows.append(_row(case, dtype, count, torch.device(device)))
                    save_rows(rows)
                    print(rows[-1], flush=True)
    return 0


def _row(case: Case, dtype: torch.dtype, count: int, device: torch.device) -> Row:
    precision = str(dtype).removeprefix("torch.")
    hot, cold = seconds_a_launch(case.launch, device), seconds_cold(case.launch, device)
    floors = load_floors()
    least = floors and 1e3 * floors.seconds(case.macs, case.moved / BYTES[precision], precision)
    extra = {"cold_ms": 1e3 * median(cold)}
    return summarise(
        f"kernel: {case.name}", precision, 1, hot, x=count, floor_ms=least, extra=extra
    )
