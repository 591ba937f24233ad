"""What `make gpu` runs: the timed suite of a GPU, and the proof that comes before it."""

from benchmarks.peers import OURS

OF_OURS = {OURS: "float32", f"{OURS} float16": "float16", f"{OURS} bfloat16": "bfloat16"}
LOSSY = [name for name, compute_type in OF_OURS.items() if compute_type != "float32"]
