"""What contestants of ours are called, and compute."""

from benchmarks.peers import OURS
from benchmarks.workload import REHEARSAL

OF_OURS = {OURS: "float32"}
if not REHEARSAL:  # interpreted, a reply takes seconds, and these differ in their type alone
    OF_OURS |= {f"{OURS} float16": "float16", f"{OURS} bfloat16": "bfloat16"}
LOSSY = [name for name, compute_type in OF_OURS.items() if compute_type != "float32"]
