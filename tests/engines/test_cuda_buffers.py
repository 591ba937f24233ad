"""Buffers of the cuda engine: what begins and what runs, what is copied, what waits for later."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from mime_fast import checkpoint
from mime_fast.config import GenerationConfig
from mime_fast.engines.cuda import CudaEngine
from mime_fast.engines.cuda.batch import DecodeBatch, DecodeShape, Waiting
from mime_fast.engines.cuda.beams import DeviceBeams
from mime_fast.engines.cuda.encoder import EncoderShape, MemoryBuffer, MemoryPart
from mime_fast.engines.cuda.engine import LEAST_LENGTH, MOST_ENCODED
from mime_fast.engines.cuda.memory import BatchPool, Block, Download, Upload, bucket, host_memory
from mime_fast.engines.cuda.search import DeviceSearch
from mime_fast.engines.cuda.sequences import DeviceDrafting, DeviceGreedy
from mime_fast.engines.cuda.system import RequestMemory
from mime_fast.types import Dialogue

FOUR = GenerationConfig(max_new_tokens=4)


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> CudaEngine:
    return CudaEngine(checkpoint.load(tiny_checkpoint), "cpu")


def encode(engine: CudaEngine, words: list[int]) -> Any:
    noise = np.zeros((1, 2, engine.config.latent_dim), np.float32)
    return engine.encode([Dialogue(words, [7] * len(words))], noise, None)


def some_memory(engine: CudaEngine, count: int) -> MemoryPart:
    shape = engine.config.num_layers, count, 3, 2 * engine.config.key_dim
    memory = RequestMemory(torch.randn(shape), torch.empty(count, 0))
    return MemoryPart(MemoryBuffer(memory), 0, np.array([3] * count))


def new_batch(engine: CudaEngine, search: DeviceSearch, places: int) -> DecodeBatch:
    return DecodeBatch(engine.model, DecodeShape(places, 32, 32, search, constrained=False))


def test_a_part_of_a_block_is_sent() -> None:
    """One array has a row a place, the other two."""
    block = Block({"one": ("int32", (4,)), "two": ("float64", (8, 3))}, torch.device("cpu"))
    sent, received = Upload(block), Download(block)
    sent.arrays["one"][:], sent.arrays["two"][:] = 1, 2
    sent.send_part(slice(1, 3), 4)
    received.receive()
    assert received.arrays["one"].tolist() == [0, 1, 1, 0]
    assert received.arrays["two"][:, 0].tolist() == [0, 0, 2, 2, 2, 2, 0, 0]
    sent.send()
    assert received.arrays["one"].tolist() == [0, 1, 1, 0]  # until it is received again
    sent.clear()
    received.receive()
    assert received.arrays["one"].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("search", [DeviceGreedy(), DeviceDrafting(), DeviceBeams(3)], ids=str)
def test_what_begins_does_not_touch_what_runs(engine: CudaEngine, search: DeviceSearch) -> None:
    """The device is ahead of what the host has last seen of it."""
    batch, memory = new_batch(engine, search, 4), some_memory(engine, 2)
    batch.fill(slice(0, 1), Waiting(0, memory, 0, [0]), FOUR)
    batch.send()
    running = {name: tensor.clone() for name, tensor in batch.tensors.items()}
    for name in ("positions", "generated"):
        batch.tensors[name][: search.width] += 2
    batch.fill(slice(1, 2), Waiting(1, memory, 1, [0]), FOUR)
    batch.send()
    positions = batch.tensors["positions"]
    assert positions.tolist()[: 2 * search.width] == [2] * search.width + [0] * search.width
    assert torch.equal(batch.tensors["generated"][0], running["generated"][0] + 2)
    assert torch.equal(batch.tensors["limits"][: search.width], running["limits"][: search.width])
    assert (batch.tensors["limits"][search.width : 2 * search.width, 0] == 4).all()


@pytest.mark.parametrize("search", [DeviceGreedy(), DeviceBeams(3)], ids=str)
def test_replies_of_an_earlier_call_do_not_begin_again(
    engine: CudaEngine, search: DeviceSearch
) -> None:
    batch, memory = new_batch(engine, search, 4), some_memory(engine, 4)
    batch.fill(slice(0, 4), Waiting(0, memory, 0, [0] * 4), FOUR)
    batch.send()
    batch.requests[:] = [None] * 4  # all have ended
    batch.fill(slice(0, 1), Waiting(0, memory, 0, [0]), FOUR)
    batch.send()
    batch.replay(0)
    assert batch.read() == []
    assert search.ended(batch.arrays).tolist() == [False, True, True, True]


def test_the_host_looks_while_further_steps_are_made(
    engine: CudaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No look is read before the next steps are launched, and no step after the last one is."""
    monkeypatch.setattr("mime_fast.engines.cuda.decoding.CHECKED", 1)
    made: list[str] = []

    def noted(name: str, method: Any) -> Any:
        def call(self: DecodeBatch, *arguments: Any) -> Any:
            made.append(name)
            return method(self, *arguments)

        return call

    for name in ("replay", "read"):
        monkeypatch.setattr(DecodeBatch, name, noted(name, getattr(DecodeBatch, name)))
    options = GenerationConfig(max_new_tokens=3, min_new_tokens=3)
    decoding = engine.decode(encode(engine, [3, 8, 9]), options, [0])
    decoding.run()
    assert len(decoding.results(0)[0].tokens) == 3
    assert made == [*("replay", "replay", "read", "replay", "read", "read")]


def matrices(weights: Any) -> Iterator[Tensor]:
    """All tensors of half precision, which are those that are multiplied by."""
    if isinstance(weights, Tensor):
        if weights.dtype == torch.float16:
            yield weights
    elif isinstance(weights, (list, tuple)):
        for part in weights:
            yield from matrices(part)


def test_every_matrix_is_padded(tiny_checkpoint: Path) -> None:
    """Kernels load 16 bytes at a time where rows start at multiples of them."""
    system = CudaEngine(checkpoint.load(tiny_checkpoint), "cpu", "float16").model.system
    parts = [system.projection, *vars(system.weights).values()]
    found = [each for part in parts for each in matrices(part)]
    assert len(found) > 20
    assert all(stride % 8 == 0 for matrix in found for stride in matrix.stride()[:-1])


class CountCopies(TorchDispatchMode):
    """Copies of keys and values, by their width."""

    def __init__(self, width: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.width, self.count = width, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func)
        if name.startswith(("aten.copy_", "aten.clone")):
            tensor: Tensor = args[0]
            self.count += tensor.dim() == 4 and tensor.shape[-1] == self.width
        return func(*args, **(kwargs or {}))


def test_keys_and_values_are_copied_once(engine: CudaEngine) -> None:
    """From the encoder's buffer to the decoder's; a second copy is for who keeps them."""
    batch = new_batch(engine, DeviceGreedy(), 1)
    copies = CountCopies(2 * engine.config.key_dim)
    with torch.inference_mode(), copies:
        first = encode(engine, [3, 8, 9])
        (part,) = first.memory.parts
        batch.fill(slice(0, 1), Waiting(0, part, 0, [0]), FOUR)
        assert copies.count == 1
        expected = part.memory.cross.numpy().copy()
        second = encode(engine, [3, 11, 5])
        assert copies.count == 2
    np.testing.assert_array_equal(part.memory.cross, expected)
    assert not np.array_equal(second.memory.parts[0].memory.cross, expected)
    del first, part, second
    with torch.inference_mode(), copies:
        encode(engine, [3, 8, 9])
    assert copies.count == 2


def test_a_memory_of_several_parts(engine: CudaEngine) -> None:
    parts = [some_memory(engine, count) for count in (2, 1)]
    memory = type(encode(engine, [3]).memory)(tuple(parts))
    assert memory.lengths.tolist() == [3, 3, 3]
    own = [part.memory.cross for part in parts]
    whole = RequestMemory(torch.empty(own[0].shape[0], 3, *own[0].shape[2:]), torch.empty(3, 0))
    memory.copy_to(whole)
    assert torch.equal(whole.cross, torch.cat(own, 1))
    assert torch.equal(memory[1].parts[0].memory.cross, own[0][:, 1:])
    assert torch.equal(memory[2].parts[0].memory.cross, own[1])
    with pytest.raises(IndexError, match="no such request"):
        memory[3]


def test_no_shape_of_the_encoder_is_recorded_twice() -> None:
    """A server that sees all sizes of batches and lengths of contexts."""
    counts = {bucket(count) for count in range(1, MOST_ENCODED + 1)}
    lengths = {bucket(length, LEAST_LENGTH) for length in range(1, 1001)}
    shapes = [EncoderShape(count, length) for count in counts for length in lengths]
    assert len(shapes) == 63

    class Batch:
        def __init__(self, shape: EncoderShape) -> None:
            self.shape = shape

    pool: BatchPool[Batch] = BatchPool()
    for shape in shapes:
        pool.put(Batch(shape))
    assert all(pool.take(shape) for shape in shapes)


def test_the_default_device_of_torch_changes_nothing(
    engine: CudaEngine, tiny_checkpoint: Path
) -> None:
    """A tensor that names no device would be on it: one that holds no data."""

    def first_logits(own: CudaEngine) -> Any:
        encoded = encode(own, [3, 8])
        state = own.start(encoded, [0])
        decoding = own.decode(encoded, GenerationConfig(max_new_tokens=1, min_new_tokens=1), [0])
        decoding.run()
        return own.step(state, np.array([1])), decoding.results(0)[0].tokens, encoded.emotion_logits

    expected = first_logits(engine)
    with torch.device("meta"):
        assert host_memory(8, torch.device("cpu")).device.type == "cpu"
        found = first_logits(CudaEngine(checkpoint.load(tiny_checkpoint), "cpu"))
    np.testing.assert_array_equal(found[0], expected[0])
    assert found[1] == expected[1]
    np.testing.assert_array_equal(found[2], expected[2])
