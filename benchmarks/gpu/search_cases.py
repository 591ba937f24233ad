"""The searches' kernels of csrc/search, in the middle of replies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.gpu.kernel_cases import POSITION, size
from benchmarks.gpu.timing import finish
from benchmarks.peers.engine import EnginePeer
from benchmarks.workload import BEAM, BEAMS, CONTEXT, GREEDY, random_requests
from mime_fast import _C
from mime_fast.engines.cuda import CudaEngine
from mime_fast.engines.cuda.batch import DecodeBatch, DecodeShape, Waiting
from mime_fast.engines.cuda.beams import DeviceBeams
from mime_fast.engines.cuda.decoding import LEAST_SOURCE
from mime_fast.engines.cuda.memory import bucket
from mime_fast.engines.cuda.rows import BEAM_FIELDS, BeamRows, SampleRows, row_fields
from mime_fast.engines.cuda.sequences import DeviceGreedy
from mime_fast.kernels.project import Best
from mime_fast.text.special import SOS

STEPS = 32  # of the buffers
Launch = Callable[[], object]


@dataclass(frozen=True)
class SearchCase:
    """A launch, and what makes its search begin again."""

    name: str
    launch: Launch
    prepare: Launch
    moved: int = 0  # bytes read


def search_cases(engine: CudaEngine, rows: int) -> Iterator[SearchCase]:
    """Make a case of each search with so many rows; BEAMS rows make one beam."""
    batch = new_batch(engine, rows)
    with engine.gpu.launching():
        batch.decode()
        logits = batch.new_logits()
        best = batch.project(logits=logits)
    yield _sample_step(batch, best, logits)
    if rows == BEAMS:
        yield _beam_step(batch, batch.project())


def new_batch(engine: CudaEngine, rows: int) -> DecodeBatch:
    """A batch in the middle of its replies, none of which ends."""
    is_beam = rows == BEAMS
    requests, options = (1, BEAM) if is_beam else (rows, GREEDY)
    encoded = EnginePeer(engine).encode_only(random_requests(engine.config, requests))
    source = bucket(CONTEXT, LEAST_SOURCE)
    search = DeviceBeams(BEAMS) if is_beam else DeviceGreedy()
    with engine.gpu.launching():
        batch = DecodeBatch(
            engine.model, DecodeShape(requests, STEPS, source, search, constrained=False)
        )
        (part,) = encoded.memory.parts
        waiting = Waiting(0, part, 0, [0] * requests)
        batch.fill(slice(0, requests), waiting, options)
        batch.send()
        batch.tensors["limits"][:, 0] = STEPS
        batch.tensors["generated"].fill_(SOS)
        batch.tensors["positions"].fill_(POSITION)
        for cache in (batch.caches.keys_values, batch.caches.inner, batch.caches.outer):
            cache.normal_()
    finish(engine.device)
    return batch


def _sample_step(batch: DecodeBatch, best: Best, logits: Tensor) -> SearchCase:
    count, device = len(logits), logits.device
    options = torch.tensor([1.0, 10, 0.9, 0], dtype=torch.float64, device=device)
    rows = SampleRows(
        **row_fields(batch.replies, best),
        logits=logits,
        options=options.repeat(count, 1),
        seeds=torch.zeros(count, dtype=torch.int64, device=device),
        streams=torch.ones(count, dtype=torch.int32, device=device),
        log_probs=torch.zeros(count, STEPS, device=device),
    )

    def prepare() -> None:
        batch.tensors["positions"].zero_()

    return SearchCase("sampling", lambda: _C.sample_step(rows, batch.stream), prepare, size(logits))


def _beam_step(batch: DecodeBatch, best: Best) -> SearchCase:
    t = batch.tensors
    own = {name: t[name] for name in BEAM_FIELDS}
    fields = row_fields(batch.replies, best)
    rows = BeamRows(**fields, kv_positions=batch.caches.kv_positions, **own)

    def prepare() -> None:
        for name in ("positions", "nodes", "totals", "counts"):
            t[name].zero_()
        t["counts"][:, :2] = 1

    return SearchCase("beam search", lambda: _C.beam_step(rows, batch.stream), prepare)
