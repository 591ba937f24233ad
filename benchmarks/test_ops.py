"""Single operations: the network's, which choose no token, and those that do."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.floors import Floors, fusion_weights, projection_weights
from benchmarks.peers import OURS
from benchmarks.peers.native_ops import NativeOps, NotBuiltError
from benchmarks.workload import BEAM, BEAMS, BLOCKED, CONTEXT, GREEDY, VOCABULARY
from mime_fast import _C
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines.eager import load_word_model
from mime_fast.models.layers import EncoderLayer
from mime_fast.models.mime import Mime
from mime_fast.types import FloatArray
from tests.oracle import sampling
from tests.oracle.beam import BeamSearch
from tests.oracle.sampler import Sampler

TORCH, TWIN = "PyTorch eager", "slow twin"
ROWS = (1, BEAMS, 32)
PLANES = {1: 2, BEAMS: 2, 32: 1}  # that the engine screens one reply, a beam, a batch with
TOP_P, TOP_K, TEMPERATURE = 0.9, 50, 0.8
Run = Callable[..., None]


@pytest.fixture(scope="module")
def ops(checkpoint: Checkpoint, threads: int) -> NativeOps:
    try:
        return NativeOps(checkpoint, threads)
    except NotBuiltError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def model(checkpoint: Checkpoint, threads: int) -> Mime:
    torch.set_num_threads(threads)
    return cast("Mime", load_word_model(checkpoint))


def random_states(rows: int, dim: int) -> FloatArray:
    return np.random.default_rng(rows).standard_normal((rows, dim), np.float32)


def random_logits(rows: int) -> FloatArray:
    return random_states(rows, VOCABULARY) * np.float32(3)


def compare(
    race: Run,
    group: str,
    ours: tuple[Callable[[], object], Callable[[], FloatArray]],
    theirs: Callable[[], Tensor],
    **fields: Any,
) -> None:
    """Same numbers, then the race against torch."""

    @torch.inference_mode()
    def run_torch() -> Tensor:
        return theirs()

    run, result = ours
    run()
    np.testing.assert_allclose(result(), run_torch().numpy(), rtol=0, atol=1e-4)
    race(group, {OURS: run, TORCH: run_torch}, {OURS: fields, TORCH: fields})


@pytest.mark.parametrize("rows", ROWS)
def test_projection(
    race: Run, ops: NativeOps, model: Mime, floors: Floors, checkpoint: Checkpoint, rows: int
) -> None:
    x = random_states(rows, checkpoint.config.hidden_dim)
    tensor, weights = torch.from_numpy(x), projection_weights(checkpoint.config)
    floor = 1e3 * floors.seconds(rows * weights, weights, "float32")
    compare(
        race,
        "op: projection, rows",
        ops.project(x),
        lambda: model.output(tensor),
        x=rows,
        floor_ms=floor,
    )


@pytest.mark.parametrize(("rows", "planes"), PLANES.items())
def test_screening(
    race: Run,
    ops: NativeOps,
    model: Mime,
    floors: Floors,
    checkpoint: Checkpoint,
    rows: int,
    planes: int,
) -> None:
    """The projection in int8; beside it torch's, whose answer is less close."""
    x = random_states(rows, checkpoint.config.hidden_dim)
    tensor, weights = torch.from_numpy(x), projection_weights(checkpoint.config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantize: Any = torch.ao.quantization.quantize_dynamic
        quantized = quantize(torch.nn.Sequential(model.output), {torch.nn.Linear})
    run, result = ops.screen(x, planes)
    run()
    with torch.inference_mode():
        exact = model.output(tensor).numpy()
    np.testing.assert_allclose(
        result(), exact, rtol=0, atol=0.5
    )  # five deviations are 0.14 with two planes
    fields = {
        "x": rows,
        "floor_ms": 1e3 * floors.seconds(rows * weights, weights, "int8"),
        "extra": {"planes": planes, "largest_error": float(np.abs(result() - exact).max())},
    }

    @torch.inference_mode()
    def run_torch() -> Tensor:
        answer: Tensor = quantized(tensor)
        return answer

    error = float(np.abs(run_torch().numpy() - exact).max())
    other = {**fields, "extra": {"planes": 1, "largest_error": error}}
    race(
        "op: projection in int8, rows",
        {OURS: run, "PyTorch int8": run_torch},
        {OURS: fields, "PyTorch int8": other},
    )


def test_attention(race: Run, ops: NativeOps, model: Mime, checkpoint: Checkpoint) -> None:
    """Attention, the feed-forward that follows it, and the final norm: an encoder layer."""
    x = random_states(CONTEXT, checkpoint.config.hidden_dim)
    tensor, blocked = torch.from_numpy(x)[None], torch.zeros(1, 1, CONTEXT, dtype=torch.bool)
    encoder = model.context_encoder

    def theirs() -> Tensor:
        states = tensor
        for layer in encoder.layers:
            states = cast("EncoderLayer", layer)(states, blocked, None)
        normed: Tensor = encoder.norm(states)[0]
        return normed

    compare(race, "op: attention and feed-forward of the context", ops.encode(x), theirs)


def test_gate(
    race: Run, ops: NativeOps, model: Mime, floors: Floors, checkpoint: Checkpoint
) -> None:
    dim = checkpoint.config.hidden_dim
    both = random_states(CONTEXT, 2 * dim)
    first, second = torch.from_numpy(both).split(dim, -1)
    weights = fusion_weights(checkpoint.config)
    floor = 1e3 * floors.seconds(CONTEXT * weights, weights, "float32")
    compare(race, "op: gate", ops.fuse(both), lambda: model.fusion([first, second]), floor_ms=floor)


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

    def theirs() -> list[int]:
        tensor = torch.from_numpy(logits).clone()
        tensor[:, BLOCKED] = -torch.inf
        found: list[int] = tensor.argmax(-1).tolist()
        return found

    def twin() -> list[int]:
        return Sampler(GREEDY, 0).advance(logits)[1]

    def ours() -> list[int]:
        return _C.Sampler(GREEDY, 0).advance(logits)[1]

    assert ours() == theirs() == twin()
    race("op: greedy search, a step", {OURS: ours, TORCH: theirs, TWIN: twin})


def test_beam_search(race: Run) -> None:
    """The first step, of one row, and the second, of a whole beam."""
    first, second = random_logits(1), random_logits(BEAMS)

    def theirs() -> tuple[list[int], list[int]]:
        scores = torch.zeros(1)
        for logits in (first, second):
            tensor = torch.from_numpy(logits).clone()
            tensor[:, BLOCKED] = -torch.inf
            totals = tensor.log_softmax(-1) + scores[:, None]
            scores, flat = totals.flatten().topk(BEAMS)
        return (flat // VOCABULARY).tolist(), (flat % VOCABULARY).tolist()

    def twin() -> tuple[list[int], list[int]]:
        search = BeamSearch(BEAM)
        search.advance(first)
        return search.advance(second)

    def ours() -> tuple[list[int], list[int]]:
        search = _C.BeamSearch(BEAM)
        search.advance(first)
        return search.advance(second)

    assert ours() == theirs() == twin()
    race("op: beam search, two steps", {OURS: ours, TORCH: theirs, TWIN: twin})
