"""Who is measured on a GPU, all of them on the same one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from benchmarks.floors import Work
from benchmarks.gpu.names import LOSSY, OF_OURS
from benchmarks.peers import REFERENCE, Contestant, equal_share
from benchmarks.peers.authors import Authors
from benchmarks.peers.base import Peer, Tokens
from benchmarks.peers.engine import EnginePeer
from benchmarks.peers.torch_cached import eager
from benchmarks.peers.torch_static import StaticPeer, reduce_overhead
from benchmarks.workload import REHEARSAL
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines.cuda import CudaEngine, decoding
from mime_fast.engines.eager import EagerEngine
from mime_fast.kernels import linear

EAGER, COMPILED, AUTHORS = "PyTorch eager", "torch.compile", "authors' loop"


def exact_float32() -> None:
    """No product or convolution of torch is rounded to TF32: tokens are compared.

    A rehearsal decodes one step at a time: interpreted, steps after the end take seconds. A program
    multiplies by as many columns as the tiny models have.
    """
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    if REHEARSAL:
        decoding.CHECKED = 1
        linear.ROW_COLUMNS = 64


def _ours(compute_type: str) -> Callable[[Checkpoint, str], EnginePeer]:
    return lambda checkpoint, device: EnginePeer(CudaEngine(checkpoint, device, compute_type))


def _eager(checkpoint: Checkpoint, device: str) -> Peer:
    return eager(checkpoint, 1, device)


def _compiled(checkpoint: Checkpoint, device: str) -> Peer:
    """torch.compile with static buffers. A rehearsal does not compile, which takes minutes."""
    rehearsed = device == "cpu"
    return StaticPeer(checkpoint, device, (lambda module: module) if rehearsed else reduce_overhead)


def _authors(checkpoint: Checkpoint, device: str) -> Peer:
    return Authors(checkpoint, 1, device)


def _reference(checkpoint: Checkpoint, device: str) -> Peer:
    return EnginePeer(EagerEngine(checkpoint, device))


CONTESTANTS = [
    *(
        Contestant(
            name,
            _ours(compute_type),
            "lossy" if name in LOSSY else "exact",
            Work(compute_type, compute_type),
        )
        for name, compute_type in OF_OURS.items()
    ),
    Contestant(EAGER, _eager),
    Contestant(COMPILED, _compiled, sweeps=False),  # up to half a minute for each shape
    Contestant(AUTHORS, _authors, sweeps=False),
]
BY_NAME = {
    contestant.name: contestant
    for contestant in [*CONTESTANTS, Contestant(REFERENCE, _reference, sweeps=False)]
}
SWEEPERS = [contestant.name for contestant in CONTESTANTS if contestant.sweeps]


def same_tokens(
    contestant: Contestant, found: Sequence[Tokens], expected: Sequence[Tokens]
) -> tuple[float | bool | None, float]:
    """What a row says of its tokens, see harness.Row, and the share of equal ones."""
    lengths = [list(map(len, replies)) for replies in (found, expected)]
    share = equal_share(found, expected) if lengths[0] == lengths[1] else 0.0
    if contestant.agreement == "none":
        return None, share
    return (False if contestant.agreement == "exact" and share < 1 else share), share
