"""A fresh process: load a checkpoint, answer once, say how much memory that took.

python -m benchmarks.cold CONTESTANT CHECKPOINT THREADS
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from benchmarks.peers import BY_NAME
from benchmarks.workload import random_requests
from mime_fast import checkpoint


def main(name: str, folder: str, threads: str) -> None:
    """Print the tokens and the peak of the resident memory."""
    loaded = checkpoint.load(folder)
    (request,) = random_requests(loaded.config, 1)
    tokens = BY_NAME[name].create(loaded, int(threads)).greedy(request)
    print(json.dumps({"tokens": tokens, "peak_mb": peak_mb()}))


def peak_mb() -> float:
    """Peak of this process alone: getrusage starts from the peak of the one that forked it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(peak) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
