"""A fresh process: load a checkpoint, answer twice, say how long each part took.

python -m benchmarks.gpu.cold CONTESTANT CHECKPOINT DEVICE
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from time import perf_counter


def main(name: str, folder: str, device: str) -> None:
    """Print the tokens and the seconds of each part."""
    times = [perf_counter()]
    # Importing is a part of it.
    from benchmarks.gpu.contestants import BY_NAME, exact_float32  # noqa: PLC0415
    from benchmarks.workload import random_requests  # noqa: PLC0415
    from mime_fast import checkpoint  # noqa: PLC0415

    times.append(perf_counter())
    exact_float32()
    loaded = checkpoint.load(folder)
    (request,) = random_requests(loaded.config, 1)
    peer = BY_NAME[name].create(loaded, device)
    times.append(perf_counter())
    for _ in range(2):
        tokens = peer.greedy(request)
        times.append(perf_counter())
    parts = ("import", "load", "first reply", "second reply")
    took = dict(zip(parts, (after - before for before, after in pairwise(times)), strict=True))
    print(json.dumps({"tokens": tokens, "seconds": took}))


if __name__ == "__main__":
    main(*sys.argv[1:])
