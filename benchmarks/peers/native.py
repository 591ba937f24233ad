"""mime_fast itself."""

from __future__ import annotations

from benchmarks.peers.engine import EnginePeer
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines import create_engine


def create(checkpoint: Checkpoint, compute_type: str, threads: int) -> EnginePeer:
    """The engine behind its protocol: `decode` is one call into C++ for all steps of a reply."""
    engine = create_engine(
        checkpoint, engine="native", compute_type=compute_type, intra_threads=threads
    )
    return EnginePeer(engine)
