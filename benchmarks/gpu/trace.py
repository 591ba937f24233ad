"""A profiler's trace of a few replies: which launch takes how long, and what lies between them."""

from __future__ import annotations

import gzip
from typing import Any

from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks.gpu.contestants import exact_float32
from benchmarks.gpu.measured import folder, save_rows
from benchmarks.gpu.processes import TRACE
from benchmarks.peers.engine import EnginePeer
from benchmarks.workload import REHEARSAL, random_checkpoint, random_requests
from mime_fast.engines.cuda import CudaEngine

REPLIES, LISTED = 1 if REHEARSAL else 3, 30


def main(device: str) -> int:
    """Profile greedy replies and beams; the longest kernels go to the results."""
    exact_float32()
    loaded = random_checkpoint(tiny=device == "cpu")
    peer = EnginePeer(CudaEngine(loaded, device))
    (request,) = random_requests(loaded.config, 1)
    searches = {"greedy": peer.greedy} if REHEARSAL else {"greedy": peer.greedy, "beam": peer.beam}
    for search in searches.values():
        search(request)  # compiled and recorded
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    with profile(activities=activities) as profiler:
        for name, search in searches.items():
            for _ in range(REPLIES):
                with record_function(name):
                    search(request)
    path = folder() / "trace.json"
    profiler.export_chrome_trace(str(path))
    (folder() / TRACE).write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    longest = _longest(profiler.key_averages())
    save_rows([], trace=longest)
    for line in longest:
        print(line)
    return 0


def _longest(averages: Any) -> list[dict[str, Any]]:
    events = [
        {
            "name": event.key[:120],
            "count": event.count,
            "device_us": round(event.device_time_total, 1),
            "host_us": round(event.self_cpu_time_total, 1),
        }
        for event in averages
    ]
    return sorted(events, key=lambda event: (-event["device_us"], -event["host_us"]))[:LISTED]
