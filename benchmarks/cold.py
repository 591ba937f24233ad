"""A fresh process: load a checkpoint, answer once, say how much memory that took.

python -m benchmarks.cold CONTESTANT CHECKPOINT THREADS
"""

from __future__ import annotations

import json
import resource
import sys

from benchmarks.peers import BY_NAME
from benchmarks.workload import random_requests
from mime_fast import checkpoint


def main(name: str, folder: str, threads: str) -> None:
    """Print the tokens and the peak of the resident memory."""
    loaded = checkpoint.load(folder)
    (request,) = random_requests(loaded.config, 1)
    tokens = BY_NAME[name].create(loaded, int(threads)).greedy(request)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    print(json.dumps({"tokens": tokens, "peak_mb": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
