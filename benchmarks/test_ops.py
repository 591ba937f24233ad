"""Single operations: the network's, which choose no token, and those that do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers import OURS
from benchmarks.workload import BEAM, BEAMS, BLOCKED, GREEDY, VOCABULARY
from mime_fast import _C, sampling
from mime_fast.search import BeamSearch, Sampler
from mime_fast.search.constraints import Constraints
from mime_fast.types import FloatArray

TORCH, TWIN = "PyTorch eager", "slow twin"
ROWS = (1, BEAMS, 32)
TOP_P, TOP_K, TEMPERATURE = 0.9, 50, 0.8
Run = Callable[..., None]


def random_states(rows: int, dim: int) -> FloatArray:
    return np.random.default_rng(rows).standard_normal((rows, dim), np.float32)


def random_logits(rows: int) -> FloatArray:
    return random_states(rows, VOCABULARY) * np.float32(3)


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
        return Sampler(GREEDY, 0, _C, Constraints(GREEDY)).advance(logits)[1]

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
        search = BeamSearch(BEAM, Constraints(BEAM))
        search.advance(first)
        return search.advance(second)

    def ours() -> tuple[list[int], list[int]]:
        search = _C.BeamSearch(BEAM)
        search.advance(first)
        return search.advance(second)

    assert ours() == theirs() == twin()
    race("op: beam search, two steps", {OURS: ours, TORCH: theirs, TWIN: twin})
