"""The engine on a few contexts, against eager: tokens, and times whether they are right or not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.contestants import exact_float32
from benchmarks.gpu.measured import save_rows
from benchmarks.harness import summarise, time_call
from benchmarks.peers import OURS
from benchmarks.peers.engine import EnginePeer
from benchmarks.workload import (
    BEAM,
    GREEDY,
    REHEARSAL,
    Request,
    base_checkpoint,
    random_checkpoint,
    random_requests,
)
from mime_fast import drafts
from mime_fast.checkpoint import DRAFTS, WEIGHTS, Checkpoint
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import Engine
from mime_fast.engines.cuda import CudaEngine
from mime_fast.engines.eager import EagerEngine

CONTEXTS = 2 if REHEARSAL else 8
REPEATS = 1 if REHEARSAL else 20
SAMPLED = GREEDY.replace(do_sample=True, top_k=10, temperature=0.8)
SEARCHES = {
    "greedy": GREEDY.replace(speculation=False),
    "beams": BEAM,
    "sampled": SAMPLED,
    "drafts": GREEDY,
}
OF_BASE = "base_"  # prefix of what is checked with mime-base
Words = list[tuple[int, ...]]


def main(name: str, device: str) -> int:
    """Compare one search; 1 if a token differs."""
    exact_float32()
    search, tiny = name.removeprefix(OF_BASE), device == "cpu"
    make = base_checkpoint if name.startswith(OF_BASE) else random_checkpoint
    options, loaded = SEARCHES[search], make(tiny=tiny)
    requests = random_requests(loaded.config, CONTEXTS)
    eager = EagerEngine(loaded, device)
    expected = answers(eager, requests, options)
    with tempfile.TemporaryDirectory() as folder:
        if search == "drafts":
            loaded = with_drafts(loaded, expected, Path(folder))
        ours = CudaEngine(loaded, device)
        found = answers(ours, requests, options)
        together = answers(ours, requests, options, together=True)
    same = [one == other for one, other in zip(found, expected, strict=True)]
    group = [one == other for one, other in zip(together, expected, strict=True)]
    call: Callable[[], Any] = lambda: answers(ours, requests[:1], options)  # noqa: E731
    seconds = [time_call(call) for _ in range(REPEATS)]
    extra = {"replies_equal": sum(same) / CONTEXTS, "equal_in_a_batch": sum(group) / CONTEXTS}
    row = summarise(f"engine: {name}", OURS, 1, seconds, equal=all(same + group), extra=extra)
    save_rows([replace(row, equal=1.0) if row.equal else row])
    print(row)
    for request, pair in enumerate(zip(found, expected, strict=True)):
        if pair[0] != pair[1]:
            print(f"context {request}: got {pair[0]}, eager has {pair[1]}")
    return int(not all(same + group))


@torch.inference_mode()
def answers(
    engine: Engine, requests: list[Request], options: GenerationConfig, *, together: bool = False
) -> Words:
    """The best reply to each request, one after the other unless together."""
    peer = EnginePeer(engine)
    works = [requests] if together else [[request] for request in requests]
    found: Words = []
    for work in works:
        seeds = [0] * len(work)
        decoding = engine.decode(peer.encode_only(work), options, seeds)
        decoding.run()
        found += [decoding.results(index)[0].tokens for index in range(len(work))]
    return found


def with_drafts(loaded: Checkpoint, replies: Words, folder: Path) -> Checkpoint:
    """The checkpoint with a table that drafts half of the replies rightly, and others wrongly."""
    wrong = [(*reply[: len(reply) // 2], *reply[::-1]) for reply in replies[1::2]]
    table = drafts.count([reply for reply in (*replies[::2], *wrong) for _ in range(2)])
    copied = shutil.copytree(loaded.weights.parent, folder / "drafted")
    drafts.save_table(table, copied / DRAFTS)
    return replace(loaded, weights=copied / WEIGHTS)
