"""What contestants of ours are called, and compute."""

from benchmarks.peers import OURS

OF_OURS = {OURS: "float32", f"{OURS} float16": "float16", f"{OURS} bfloat16": "bfloat16"}
LOSSY = [name for name, compute_type in OF_OURS.items() if compute_type != "float32"]
