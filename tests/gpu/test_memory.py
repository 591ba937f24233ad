"""What the engine holds of a GPU's memory, and what it does where there is none left."""

import gc
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice

import pytest
import torch

from benchmarks.workload import random_requests
from mime_fast.checkpoint import Checkpoint
from mime_fast.engines.cuda import CudaEngine
from mime_fast.types import Dialogue
from tests.gpu.ask import STRATEGIES, ask, options, words

pytestmark = pytest.mark.gpu

GIGABYTE = 2**30


@pytest.fixture(autouse=True)
def memory_of_a_gpu(device: str) -> None:
    if device == "cpu":
        pytest.skip("there is no GPU whose memory could be counted")


@pytest.fixture
def leave() -> Iterator[Callable[[int], None]]:
    """Leaves this process so many bytes more than it holds; afterwards, everything."""

    def limit(room: int) -> None:
        gc.collect()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        _, total = torch.cuda.mem_get_info()
        held = torch.cuda.memory_reserved() if room else 0
        torch.cuda.set_per_process_memory_fraction((held + room) / total)

    yield limit
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_it_does_not_grow(engine: CudaEngine, dialogues: Sequence[Dialogue]) -> None:
    """Whatever is asked again and again, the buffers of the first time serve."""
    jobs = [(dialogues[index], strategy) for index in range(5) for strategy in STRATEGIES]

    def run(count: int) -> int:
        for dialogue, strategy in islice(cycle(jobs), count):
            ask(engine, [dialogue], options(strategy))
        gc.collect()
        torch.cuda.synchronize()
        return torch.cuda.memory_allocated()

    run(len(jobs))
    before = run(len(jobs))
    assert run(200) <= before


def test_an_engine_that_is_dropped_frees_its_memory(
    loaded: Checkpoint, dialogues: Sequence[Dialogue], device: str
) -> None:
    def used() -> int:
        gc.collect()
        torch.cuda.synchronize()
        return torch.cuda.memory_allocated()

    before = used()
    engine = CudaEngine(loaded, device)
    ask(engine, dialogues[:3], options("beam 5"))
    assert used() > before
    del engine
    assert used() <= before


@pytest.mark.parametrize("strategy", ["greedy", "beam 5"])
def test_batches_become_smaller_where_memory_ends(
    loaded: Checkpoint,
    device: str,
    leave: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    strategy: str,
) -> None:
    """256 contexts of 512 tokens need 2.5 GB to be encoded together."""
    engine = CudaEngine(loaded, device)
    requests = random_requests(loaded.config, 256, 512)
    many = [request.dialogue for request in requests]
    config = options(strategy, max_new_tokens=10)
    expected = words(ask(engine, many, config))
    engine.gpu.make_room(2, torch.OutOfMemoryError())  # nothing that waits may serve again
    halved: list[int] = []
    make_room = engine.gpu.make_room

    def record(count: int, error: torch.OutOfMemoryError) -> None:
        halved.append(count)
        make_room(count, error)

    monkeypatch.setattr(engine.gpu, "make_room", record)
    leave(GIGABYTE)
    assert words(ask(engine, many, config)) == expected
    assert halved


def test_no_memory_for_one_reply_is_an_error_that_passes(
    loaded: Checkpoint, dialogues: Sequence[Dialogue], device: str, leave: Callable[[int], None]
) -> None:
    engine = CudaEngine(loaded, device)
    expected = words(ask(engine, dialogues[:2], options("beam 5")))
    engine.gpu.make_room(2, torch.OutOfMemoryError())
    leave(0)
    with pytest.raises(MemoryError, match="has no memory left for"):
        ask(engine, dialogues[:2], options("beam 5"))
    torch.cuda.set_per_process_memory_fraction(1.0)
    assert words(ask(engine, dialogues[:2], options("beam 5"))) == expected
