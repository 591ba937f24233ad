"""The encoder side on a device: its buffers, and what it has found of the requests."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mime_fast.emotions import EMOTIONS, POSITIVE
from mime_fast.engines.cuda.memory import Block, Event, Layout, Upload, host_memory
from mime_fast.engines.cuda.system import Found, RequestMemory
from mime_fast.engines.cuda.weights import Model
from mime_fast.types import Dialogue, FloatArray, IntArray


class EncoderShape(NamedTuple):
    """What buffers are made for."""

    batch: int
    length: int


class MemoryBuffer:
    """The memory in an EncodeBatch, and a copy once these are needed again.

    Usually nobody reads it any more by then. So it is copied once, to where it is decoded.
    """

    def __init__(self, memory: RequestMemory) -> None:
        self.memory = memory

    def keep(self) -> None:
        """Copy it, before it is overwritten."""
        self.memory = RequestMemory(*(tensor.clone() for tensor in self.memory))


@dataclass(frozen=True)
class MemoryPart:
    """What the decoder reads of requests that were encoded together."""

    buffer: MemoryBuffer
    first: int  # request of the buffer
    lengths: IntArray  # (requests,)

    @property
    def source(self) -> int:
        """Length of the longest context."""
        return int(self.lengths.max())

    @property
    def memory(self) -> RequestMemory:
        """That of these requests, up to the longest context; until others are encoded."""
        cross, conditioning = self.buffer.memory
        own = slice(self.first, self.first + len(self.lengths))
        return RequestMemory(cross[:, own, : self.source], conditioning[own])


@dataclass(frozen=True)
class CudaMemory:
    """What rows of any requests read."""

    parts: tuple[MemoryPart, ...]

    @property
    def lengths(self) -> IntArray:
        """(requests,)."""
        return np.concatenate([part.lengths for part in self.parts])

    def __getitem__(self, request: int) -> CudaMemory:
        """The part of one request."""
        for part in self.parts:
            if request < len(part.lengths):
                lengths = part.lengths[request : request + 1]
                return CudaMemory((MemoryPart(part.buffer, part.first + request, lengths),))
            request -= len(part.lengths)
        raise IndexError(f"there is no such request in {self!r}")

    def copy_to(self, whole: RequestMemory) -> None:
        """Copy all of it into memory of its own, for so many requests and the longest context."""
        first = 0
        for part in self.parts:
            part.memory.copy_to(whole, slice(first, first + len(part.lengths)))
            first += len(part.lengths)


class Findings:
    """What one launch found out about its requests, on its way to the host."""

    def __init__(self, layout: Layout, memory: Tensor, count: int) -> None:
        self._staged = host_memory(layout.size, memory.device)
        self._staged.copy_(memory, non_blocking=True)
        self._moved = Event(memory.device)
        self._layout, self._count = layout, count

    def read(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Emotion logits and mixture (count, 32), mimics_positive int32 (count,)."""
        self._moved.wait()
        found = self._layout.arrays(self._staged.numpy())
        count = self._count
        return found["logits"][:count], found["mixture"][:count], found["mimics_positive"][:count]


class EncodeBatch:
    """Buffers of one shape, and the launches that read and write them."""

    def __init__(self, model: Model, shape: EncoderShape) -> None:
        self.shape, self._system, device = shape, model.system, model.device
        batch, length = shape
        block = Block(
            {
                "tokens": ("int32", shape),
                "speakers": ("int32", shape),
                "lengths": ("int32", (batch,)),
                "forced": ("int32", (batch,)),
                **model.system.input_fields(batch, length),
            },
            device,
        )
        self._inputs, self.inputs = block.tensors, Upload(block)
        self._layout = Layout(
            {
                "logits": ("float32", (batch, len(EMOTIONS))),
                "mixture": ("float32", (batch, len(EMOTIONS))),
                "mimics_positive": ("int32", (batch,)),
            }
        )
        self._found = torch.zeros(self._layout.size, dtype=torch.uint8, device=device)
        self._memory = model.system.new_memory(batch, length)
        self._lent: Callable[[], MemoryBuffer | None] = lambda: None
        self._replay = model.recorder.record(self._launch)

    def run(
        self, dialogues: Sequence[Dialogue], noise: FloatArray, emotion: int | None
    ) -> tuple[Findings, MemoryPart]:
        """Encode; the second result is what the decoder reads."""
        lent = self._lent()
        if lent is not None:
            lent.keep()
        self.inputs.wait()
        arrays = self.inputs.arrays
        lengths = [len(dialogue.tokens) for dialogue in dialogues]
        arrays["lengths"][...] = 1  # of requests that are not there
        arrays["lengths"][: len(lengths)] = lengths
        # All words at once: 256 assignments of 40 words would take as long as their replies.
        real = np.arange(self.shape.length) < np.array(lengths)[:, None]
        for name in ("tokens", "speakers"):
            words = chain.from_iterable(getattr(dialogue, name) for dialogue in dialogues)
            arrays[name][: len(lengths)][real] = np.fromiter(words, np.int32, sum(lengths))
        arrays["forced"][...] = -1 if emotion is None else emotion
        self._system.fill(arrays, noise)
        self.inputs.send()
        self._replay()
        buffer = MemoryBuffer(self._memory)
        self._lent = weakref.ref(buffer)
        found = Findings(self._layout, self._found, len(dialogues))
        return found, MemoryPart(buffer, 0, np.array(lengths, np.int64))

    def _launch(self) -> None:
        found = Found(**self._layout.tensors(self._found))
        self._system.encode(self._inputs, found, self._memory)


class CudaEncoderBatch:
    """An EncoderBatch on the device; the host waits for it when it first reads an array."""

    def __init__(self, found: Sequence[Findings], memory: CudaMemory) -> None:
        self._found, self.memory = found, memory

    @cached_property
    def _arrays(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        logits, mixture, mimics = zip(*(found.read() for found in self._found), strict=True)
        return np.concatenate(logits), np.concatenate(mixture), np.concatenate(mimics)

    @property
    def emotion_logits(self) -> FloatArray:
        """(n, 32)."""
        return self._arrays[0]

    @property
    def positive_mixture(self) -> FloatArray:
        """(n, 13), order of emotions.POSITIVE."""
        return self._arrays[1][:, : len(POSITIVE)]

    @property
    def negative_mixture(self) -> FloatArray:
        """(n, 19), order of emotions.NEGATIVE."""
        return self._arrays[1][:, len(POSITIVE) :]

    @property
    def mimics_positive(self) -> NDArray[np.bool_]:
        """(n,): whether the positive group is mimicked."""
        return self._arrays[2].astype(bool)
