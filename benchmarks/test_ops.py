"""Single operations: the network's, which choose no token, and those that do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.floors import Floors, gate_weights, projection_weights
from benchmarks.peers import OURS, native
from benchmarks.workload import BEAM, BEAMS, BLOCKED, CONTEXT, GREEDY, VOCABULARY
from mime_fast import _C, sampling
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines.eager import load_model
from mime_fast.models.layers import EncoderLayer
from mime_fast.models.mime import Mime
from mime_fast.search import BeamSearch, Sampler
from mime_fast.search.constraints import Constraints
from mime_fast.types import FloatArray

TORCH, TWIN = "PyTorch eager", "slow twin"
ROWS = (1, BEAMS, 32)
TOP_P, TOP_K, TEMPERATURE = 0.9, 50, 0.8
Run = Callable[..., None]


@pytest.fixture(scope="module")
def ops(checkpoint: Checkpoint) -> native.Ops:
    return native.Ops(checkpoint)


@pytest.fixture(scope="module")
def model(checkpoint: Checkpoint, threads: int) -> Mime:
    torch.set_num_threads(threads)
    return load_model(checkpoint)


def random_states(rows: int, dim: int) -> FloatArray:
    return np.random.default_rng(rows).standard_normal((rows, dim), np.float32)


def random_logits(rows: int) -> FloatArray:
    return random_states(rows, VOCABULARY) * np.float32(3)


def compare(
    race: Run,
    group: str,
    ours: Callable[[], FloatArray],
    theirs: Callable[[], Tensor],
    **fields: Any,
) -> None:
    """Same numbers, then the race against torch."""

    @torch.inference_mode()
    def run_torch() -> Tensor:
        return theirs()

    np.testing.assert_allclose(ours(), run_torch().numpy(), rtol=0, atol=1e-4)
    race(group, {OURS: ours, TORCH: run_torch}, {OURS: fields, TORCH: fields})


@pytest.mark.parametrize("rows", ROWS)
def test_projection(
    race: Run, ops: native.Ops, model: Mime, floors: Floors, checkpoint: Checkpoint, rows: int
) -> None:
    x = random_states(rows, checkpoint.config.hidden_dim)
    tensor, weights = torch.from_numpy(x), projection_weights(checkpoint.config)
    floor = 1e3 * floors.seconds(rows * weights, weights, "float32")
    compare(
        race,
        "op: projection, rows",
        lambda: ops.project(x),
        lambda: model.output(tensor),
        x=rows,
        floor_ms=floor,
    )


def test_attention(race: Run, ops: native.Ops, model: Mime, checkpoint: Checkpoint) -> None:
    x = random_states(CONTEXT, checkpoint.config.hidden_dim)
    tensor, blocked = torch.from_numpy(x)[None], torch.zeros(1, 1, CONTEXT, dtype=torch.bool)
    attention = cast("EncoderLayer", model.context_encoder.layers[0]).attention
    compare(
        race,
        "op: self-attention of the context",
        lambda: ops.attend(x),
        lambda: attention(tensor, tensor, blocked)[0],
    )


def test_gate(
    race: Run, ops: native.Ops, model: Mime, floors: Floors, checkpoint: Checkpoint
) -> None:
    dim = checkpoint.config.hidden_dim
    both = random_states(2 * CONTEXT, dim)
    first, second = both[:CONTEXT], both[CONTEXT:]
    weights = gate_weights(checkpoint.config)
    floor = 1e3 * floors.seconds(CONTEXT * weights, weights, "float32")
    compare(
        race,
        "op: gate",
        lambda: ops.fuse(first, second),
        lambda: model.fusion(torch.from_numpy(first), torch.from_numpy(second)),
        floor_ms=floor,
    )


def test_top_k(race: Run, threads: int) -> None:
    """The 2 * BEAMS best continuations of a beam."""
    torch.set_num_threads(threads)
    logits = random_logits(BEAMS).reshape(1, -1)
    tensor, k = torch.from_numpy(logits), 2 * BEAMS
    expected = sampling.top_k(logits, k)[1]
    np.testing.assert_array_equal(_C.top_k(logits, k)[1], expected)
    np.testing.assert_array_equal(tensor.topk(k).indices.numpy(), expected)
    calls = {
        OURS: lambda: _C.top_k(logits, k),
        TORCH: lambda: tensor.topk(k),
        TWIN: lambda: sampling.top_k(logits, k),
    }
    race("op: top-k of a beam", calls)


def test_sampling(race: Run, threads: int) -> None:
    """Temperature, top-k and top-p, with the random number given."""
    torch.set_num_threads(threads)
    logits, uniforms = random_logits(1), np.array([0.37])
    arguments = (logits, uniforms, TEMPERATURE, TOP_K, TOP_P, 0.0)
    expected = sampling.select_tokens(*arguments)
    np.testing.assert_array_equal(_C.select_tokens(*arguments), expected)
    tensor = torch.from_numpy(logits)
    np.testing.assert_array_equal(torch_sample(tensor, 0.37).numpy(), expected)
    calls = {
        OURS: lambda: _C.select_tokens(*arguments),
        TORCH: lambda: torch_sample(tensor, 0.37),
        TWIN: lambda: sampling.select_tokens(*arguments),
    }
    race("op: sampling", calls)


def torch_sample(logits: Tensor, uniform: float) -> Tensor:
    """Logits (1, vocabulary) -> id (1,), by inverse transform."""
    values, ids = logits.topk(TOP_K)
    cumulative = (values.double() / TEMPERATURE).softmax(-1).cumsum(-1)
    kept = torch.searchsorted(cumulative, torch.full((1, 1), TOP_P, dtype=torch.double))
    target = uniform * cumulative.gather(1, kept)
    rank = torch.searchsorted(cumulative, target, right=True)
    return ids.gather(1, torch.minimum(rank, kept))[0]


def test_greedy_search(race: Run) -> None:
    logits = random_logits(1)

    def ours() -> list[int]:
        return Sampler(GREEDY, 0, _C, Constraints(GREEDY)).advance(logits)[1]

    def theirs() -> list[int]:
        tensor = torch.from_numpy(logits).clone()
        tensor[:, BLOCKED] = -torch.inf
        found: list[int] = tensor.argmax(-1).tolist()
        return found

    assert ours() == theirs()
    race("op: greedy search, a step", {OURS: ours, TORCH: theirs})


def test_beam_search(race: Run) -> None:
    """One step of a beam that is full."""
    first, logits = random_logits(1), random_logits(BEAMS)

    def ours() -> tuple[list[int], list[int]]:
        search = BeamSearch(BEAM, _C, Constraints(BEAM))
        search.live = list(started.live)
        return search.advance(logits)

    def theirs() -> tuple[list[int], list[int]]:
        tensor = torch.from_numpy(logits).clone()
        tensor[:, BLOCKED] = -torch.inf
        flat = (tensor.log_softmax(-1) + scores).flatten().topk(BEAMS).indices
        return (flat // VOCABULARY).tolist(), (flat % VOCABULARY).tolist()

    started = BeamSearch(BEAM, _C, Constraints(BEAM))
    started.advance(first)
    scores = torch.tensor([[hypothesis.log_prob] for hypothesis in started.live])
    assert ours() == theirs()
    race("op: beam search, a step", {OURS: ours, TORCH: theirs})
