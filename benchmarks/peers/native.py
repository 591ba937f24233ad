"""mime_fast itself. The only file of the suite that knows how the native engine is called."""

from __future__ import annotations

from benchmarks.peers.base import SteppingPeer
from benchmarks.peers.engine import EnginePeer
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines import create_engine


def create(checkpoint: Checkpoint, compute_type: str, threads: int) -> SteppingPeer:
    """The engine behind its protocol."""
    del threads  # numpy's are those of the process: OMP_NUM_THREADS, set before it starts
    return EnginePeer(create_engine(checkpoint, engine="native", compute_type=compute_type))
