"""Rows of several requests in buffers of fixed addresses, and the steps recorded for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mime_fast.config import GenerationConfig
from mime_fast.engines.cuda.encoder import MemoryPart
from mime_fast.engines.cuda.graphs import Launch
from mime_fast.engines.cuda.memory import Block, Download, Upload
from mime_fast.engines.cuda.rows import rows_of
from mime_fast.engines.cuda.search import DeviceSearch
from mime_fast.engines.cuda.weights import Model
from mime_fast.kernels.project import BLOCK_ROWS, Best
from mime_fast.kernels.replies import Replies


class Waiting(NamedTuple):
    """Requests that wait for a place."""

    number: int  # of the first one, in the decoding
    memory: MemoryPart
    first: int  # its index in the memory
    seeds: Sequence[int]

    def after(self, count: int) -> Waiting:
        """Without the first ones."""
        return Waiting(self.number + count, self.memory, self.first + count, self.seeds[count:])


class DecodeShape(NamedTuple):
    """What buffers are made for, and what launches are recorded for."""

    places: int  # requests; that of place p has the rows p * width and following
    steps: int
    source: int
    search: DeviceSearch
    constrained: bool


class Look(NamedTuple):
    """The state after some steps, on its way to the host, and whom it was of."""

    state: Download
    requests: tuple[int | None, ...]


class DecodeBatch:
    """Buffers of one shape, and the requests that are answered there."""

    def __init__(self, model: Model, shape: DecodeShape) -> None:
        self.shape, self._model, self.drafts = shape, model, model.drafts
        self.requests: list[int | None] = [None] * shape.places  # which one is in each place
        control = Block(_fields(shape), model.device)
        self._begin = Upload(control)
        # Two, so that the host reads one while further steps are made.
        self._states = deque((Download(control), Download(control)))
        self.looks: deque[Look] = deque()  # that the host has not read, oldest first
        self.arrays = self._states[0].arrays  # those that it has read last
        self.steps_left = 0  # after which every reply has ended
        self._begun: list[slice] = []  # places of which the device has not heard
        record = Block(shape.search.record(shape.places, shape.steps), model.device)
        self.record = Download(record) if record.tensors else None
        self.tensors = t = control.tensors | record.tensors
        t["ticket"] = torch.zeros(1, dtype=torch.int32, device=model.device)
        self.replies = Replies(t["generated"], t["positions"], t["limits"], t["penalties"])
        self._memory = model.system.new_memory(shape.places, shape.source)
        rows = len(self.replies.generated)
        sources = torch.arange(rows, dtype=torch.int32, device=model.device) // shape.search.width
        self.caches = model.system.new_caches(shape.steps, sources, self._memory, t["lengths"])
        blocks = -(-rows // BLOCK_ROWS)
        self._arrived = torch.zeros(blocks, dtype=torch.int32, device=model.device)
        self._hidden = torch.empty(0, device=model.device)
        self._graphs: dict[int, Launch] = {}

    def free_run(self, most: int) -> slice:
        """Neighbouring places that are free, at most so many."""
        busy = [request is not None for request in self.requests]
        start = busy.index(False) if False in busy else len(busy)
        stop = busy.index(True, start) if True in busy[start:] else len(busy)
        return slice(start, min(stop, start + most))

    def fill(self, places: slice, waiting: Waiting, options: GenerationConfig) -> None:
        """Begin replies to the first requests that wait; see send()."""
        count = places.stop - places.start
        self._begin.wait()
        if self._is_free():  # what begun there before may go on where nobody begins
            self._begin.clear()
        arrays, memory, first = self._begin.arrays, waiting.memory, waiting.first
        rows = rows_of(places, self.shape.search.width)
        # An n-gram longer than the reply is never repeated.
        ngram = min(options.no_repeat_ngram_size, options.max_new_tokens + 1)
        arrays["limits"][rows] = options.max_new_tokens, options.min_new_tokens, ngram
        arrays["penalties"][rows] = options.repetition_penalty
        arrays["lengths"][places] = memory.lengths[first : first + count]
        self.shape.search.fill(arrays, places, options, waiting.seeds[:count])
        self._begun.append(places)
        self.steps_left = options.max_new_tokens
        self.requests[places] = range(waiting.number, waiting.number + count)
        part = MemoryPart(
            memory.buffer, memory.first + first, memory.lengths[first : first + count]
        )
        part.memory.copy_to(self._memory, places)

    def send(self) -> None:
        """Tell the device of the replies that begin. Those that run there are not touched."""
        new = sum(places.stop - places.start for places in self._begun)
        if new == sum(request is not None for request in self.requests):
            self._begin.send()
        else:
            for places in self._begun:
                self._begin.send_part(places, self.shape.places)
        self._begun.clear()

    def _is_free(self) -> bool:
        return all(request is None for request in self.requests)

    def prepare(self, steps: int) -> None:
        """Record the launches of so many steps; no row may be active."""
        if steps not in self._graphs:
            self._graphs[steps] = self._model.recorder.record(lambda: self._launch(steps))

    def replay(self, steps: int) -> None:
        """Make so many steps of what was begun, and let the host look at what comes of them."""
        if steps in self._graphs:
            self._graphs[steps]()
        else:  # prepared for another number
            self._launch(steps)
        self.steps_left -= steps
        self._states.rotate()
        self._states[0].receive()
        self.looks.append(Look(self._states[0], tuple(self.requests)))

    def read(self) -> list[tuple[int, int]]:
        """Wait for the oldest look; places and requests that had ended by then."""
        look = self.looks.popleft()
        look.state.wait()
        self.arrays = look.state.arrays
        over = self.shape.search.ended(self.arrays)
        return [
            (place, request)
            for place, request in enumerate(look.requests)
            # Another request may have got its place since.
            if request is not None and over[place] and self.requests[place] == request
        ]

    def _launch(self, steps: int) -> None:
        for _ in range(steps):
            self._step()

    def _step(self) -> None:
        self.decode()
        self.shape.search.step(self)

    def decode(self) -> None:
        """The decoder's output for the newest word of each row; see project()."""
        search = self.shape.search
        progress = search.group_progress(self.tensors)
        self._hidden = self._model.system.decode(self.replies, self.caches, search.group, progress)

    def project(self, logits: Tensor | None = None, log_probs: Tensor | None = None) -> Best:
        """The best words of each row after this step; see kernels/project.py."""
        return self._model.system.project(
            self._hidden,
            self.replies,
            blocks=True,
            kept=self.shape.search.kept,
            constrained=self.shape.constrained,
            logits=logits,
            log_probs=log_probs,
            arrived=self._arrived,
        )

    def new_logits(self) -> Tensor:
        """An empty buffer for all logits of a step: (rows, vocabulary)."""
        vocabulary = self._model.config.vocab_size
        return torch.empty(len(self.replies.generated), vocabulary, device=self._model.device)

    @property
    def stream(self) -> int:
        """The handle of the CUDA stream that launches go to; 0 on the CPU."""
        if self._model.device.type != "cuda":
            return 0
        return torch.cuda.current_stream().cuda_stream


def _fields(shape: DecodeShape) -> dict[str, tuple[str, tuple[int, ...]]]:
    rows = shape.places * shape.search.width
    return {
        "generated": ("int32", (rows, shape.steps + 1)),
        "positions": ("int32", (rows,)),
        "limits": ("int32", (rows, 3)),
        "penalties": ("float32", (rows,)),
        "lengths": ("int32", (shape.places,)),
        **shape.search.fields(shape.places, shape.steps),
    }
