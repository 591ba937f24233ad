"""Who is measured. A contestant is imported, and its library needed, when it is created."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.floors import FLOAT32, Work
from benchmarks.peers.base import Peer, Tokens
from benchmarks.workload import NEW_TOKENS
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines import COMPUTE_TYPES

OURS = "mime_fast"
REFERENCE = "engine eager"
LOSSY = "bfloat16"  # the compute type of ours that may change a token


@dataclass(frozen=True)
class Contestant:
    """How a peer is made, and what may be asked of it."""

    name: str
    create: Callable[[Checkpoint, Any], Any]  # with this many threads, or on this device
    agreement: str = "exact"  # or "lossy": reported only; or "none": other weights
    work: Work = FLOAT32  # decides its floor
    sweeps: bool = True  # over batch sizes and lengths of context
    steps: bool = True  # has prepare_steps and encode_only
    streams: bool = True


def _native(compute_type: str) -> Callable[[Checkpoint, int], Peer]:
    def create(checkpoint: Checkpoint, threads: int) -> Peer:
        from benchmarks.peers import native

        return native.create(checkpoint, compute_type, threads)

    return create


def _reference(checkpoint: Checkpoint, threads: int) -> Peer:
    import torch

    from benchmarks.peers.engine import EnginePeer
    from mime_fast.engines import create_engine

    torch.set_num_threads(threads)
    return EnginePeer(create_engine(checkpoint, engine="eager"))


def _authors(checkpoint: Checkpoint, threads: int) -> Peer:
    from benchmarks.peers.authors import Authors

    return Authors(checkpoint, threads)


def _cached(variant: str) -> Callable[[Checkpoint, int], Peer]:
    def create(checkpoint: Checkpoint, threads: int) -> Peer:
        from benchmarks.peers import torch_cached

        make: Callable[[Checkpoint, int], Peer] = getattr(torch_cached, variant)
        return make(checkpoint, threads)

    return create


def _onnx(precision: str) -> Callable[[Checkpoint, int], Peer]:
    def create(checkpoint: Checkpoint, threads: int) -> Peer:
        from benchmarks.peers import onnx_cached

        return onnx_cached.create(checkpoint, precision, threads)

    return create


def _ctranslate2(compute_type: str) -> Callable[[Checkpoint, int], Peer]:
    def create(checkpoint: Checkpoint, threads: int) -> Peer:
        from benchmarks.peers.ctranslate import CTranslate2

        return CTranslate2(checkpoint.config, compute_type, threads)

    return create


def _ours() -> list[Contestant]:
    """What a user gets, then the compute types that it was not made of."""
    found = [Contestant(OURS, _native("auto"), work=Work("int8"))]
    for name in COMPUTE_TYPES["native"]:
        if name not in ("auto", "int8"):  # auto is int8
            agreement = "lossy" if name == LOSSY else "exact"
            found.append(Contestant(f"{OURS} {name}", _native(name), agreement, Work(name)))
    return found


_INT8 = Work("int8", "int8")
_CT2_CONTEXT = 0.48  # 438,000 weights read a token of context, 912,000 of ours
_OTHER: dict[str, Any] = {"agreement": "none", "steps": False, "streams": False}
CONTESTANTS = [
    *_ours(),
    Contestant("authors' loop", _authors, sweeps=False),
    Contestant("PyTorch eager", _cached("eager")),
    Contestant("PyTorch bfloat16", _cached("bfloat16"), "lossy", Work("bfloat16")),
    Contestant("torch.compile", _cached("compiled"), sweeps=False),
    Contestant("PyTorch int8", _cached("dynamic_int8"), "lossy", _INT8),
    Contestant("ONNX Runtime", _onnx("float32")),
    Contestant("ONNX Runtime int8", _onnx("int8"), "lossy", _INT8),
    Contestant("CTranslate2", _ctranslate2("float32"), work=Work(context=_CT2_CONTEXT), **_OTHER),
    Contestant(
        "CTranslate2 int8", _ctranslate2("int8"), work=Work("int8", "int8", _CT2_CONTEXT), **_OTHER
    ),
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
