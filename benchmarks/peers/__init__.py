"""Who is measured. A contestant is imported, and its library needed, when it is created."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.base import Peer, Tokens
from benchmarks.workload import NEW_TOKENS
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines import COMPUTE_TYPES

OURS = "mime_fast"
REFERENCE = "engine eager"
LOSSY = ("bfloat16", "float16")  # compute types of ours that may change a token


@dataclass(frozen=True)
class Contestant:
    """How a peer is made, and what may be asked of it."""

    name: str
    create: Callable[[Checkpoint, int], Any]  # with this many threads
    agreement: str = "exact"  # or "lossy": reported only; or "none": other weights
    precision: str = "float32"  # of its weights: decides its floor
    sweeps: bool = True  # over batch sizes and lengths of context
    steps: bool = True  # has prepare_step and encode_only
    streams: bool = True


def _native(compute_type: str) -> Callable[[Checkpoint, int], Peer]:
    def create(checkpoint: Checkpoint, threads: int) -> Peer:
        from benchmarks.peers import native

        return native.create(checkpoint, compute_type, threads)

    return create


def _reference(checkpoint: Checkpoint, threads: int) -> Peer:
    from benchmarks.peers.engine import EnginePeer
    from mime_fast.engines import create_engine

    _torch(threads)
    return EnginePeer(create_engine(checkpoint, engine="eager"))


def _torch(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _authors(checkpoint: Checkpoint, threads: int) -> Peer:
    from benchmarks.peers.authors import Authors

    _torch(threads)
    return Authors(checkpoint)


def _cached(variant: str) -> Callable[[Checkpoint, int], Peer]:
    def create(checkpoint: Checkpoint, threads: int) -> Peer:
        from benchmarks.peers import torch_cached

        _torch(threads)
        make: Callable[[Checkpoint], Peer] = getattr(torch_cached, variant)
        return make(checkpoint)

    return create


def _onnx(precision: str) -> Callable[[Checkpoint, int], Peer]:
    def create(checkpoint: Checkpoint, threads: int) -> Peer:
        from benchmarks.peers import onnx_cached

        _torch(threads)
        return onnx_cached.create(checkpoint, precision, threads)

    return create


def _ctranslate2(compute_type: str) -> Callable[[Checkpoint, int], Peer]:
    def create(checkpoint: Checkpoint, threads: int) -> Peer:
        from benchmarks.peers.ctranslate import CTranslate2

        return CTranslate2(checkpoint.config, compute_type, threads)

    return create


def _ours() -> list[Contestant]:
    """What a user gets, then the compute types that it was not made of."""
    found = [Contestant(OURS, _native("auto"), precision="int8")]
    for name in COMPUTE_TYPES["native"]:
        if name not in ("auto", "int8"):  # auto is int8
            agreement = "lossy" if name in LOSSY else "exact"
            found.append(Contestant(f"{OURS} {name}", _native(name), agreement, name))
    return found


_OTHER: dict[str, Any] = {"agreement": "none", "steps": False, "streams": False}
CONTESTANTS = [
    *_ours(),
    Contestant("authors' loop", _authors, sweeps=False),
    Contestant("PyTorch eager", _cached("eager")),
    Contestant("torch.compile", _cached("compiled"), sweeps=False),
    Contestant("PyTorch int8", _cached("dynamic_int8"), "lossy", "int8"),
    Contestant("ONNX Runtime", _onnx("float32")),
    Contestant("ONNX Runtime int8", _onnx("int8"), "lossy", "int8"),
    Contestant("CTranslate2", _ctranslate2("float32"), **_OTHER),
    Contestant("CTranslate2 int8", _ctranslate2("int8"), precision="int8", **_OTHER),
]
BY_NAME = {
    contestant.name: contestant
    for contestant in [*CONTESTANTS, Contestant(REFERENCE, _reference, sweeps=False)]
}


def equal_share(found: Sequence[Tokens], expected: Sequence[Tokens]) -> float:
    """The share of positions with the same token."""
    pairs = [
        (ours, theirs)
        for reply, other in zip(found, expected, strict=True)
        for ours, theirs in zip(reply, other, strict=True)
    ]
    return sum(ours == theirs for ours, theirs in pairs) / len(pairs)


def check(contestant: Contestant, found: Sequence[Tokens], expected: Sequence[Tokens]) -> float:
    """Assert what the contestant promises; the share of equal tokens."""
    assert [len(reply) for reply in found] == [NEW_TOKENS] * len(expected), contestant.name
    share = equal_share(found, expected)
    if contestant.agreement == "exact":
        assert share == 1, f"{contestant.name} answers other tokens than {REFERENCE}"
    return share
