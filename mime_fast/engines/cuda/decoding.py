"""Replies that a device decodes while the host waits, and looks rarely."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch

from mime_fast.config import GenerationConfig
from mime_fast.engines.base import Unpicklable
from mime_fast.engines.cuda.batch import DecodeBatch, DecodeShape, Waiting
from mime_fast.engines.cuda.device import Device
from mime_fast.engines.cuda.encoder import CudaMemory
from mime_fast.engines.cuda.memory import bucket
from mime_fast.engines.cuda.search import DeviceSearch
from mime_fast.engines.exit_gate import calls_torch
from mime_fast.kernels.linear import MOST_VECTORS
from mime_fast.kernels.project import BLOCK_ROWS
from mime_fast.search.hypothesis import Hypothesis

CHECKED = 8  # steps between two looks at whether replies have ended; rows that have cost nothing
MOST_BATCH_ROWS = 512  # decoded together; further requests wait until there is a place
LEAST_STEPS, LEAST_SOURCE = 32, 32  # so that there are few shapes


class DeviceSession(Unpicklable):
    """Replies to any number of requests, as many at a time as there is room for."""

    def __init__(self, gpu: Device, options: GenerationConfig, search: DeviceSearch) -> None:
        self._gpu, self._options, self._search = gpu, options, search
        self._waiting: deque[Waiting] = deque()
        self._batches: list[DecodeBatch] = []
        self._replies: dict[int, list[Hypothesis]] = {}  # by request; of those that are over
        self._count = 0
        self._most = max(1, MOST_BATCH_ROWS // search.width)  # places of a batch

    def join(self, memory: CudaMemory, seeds: Sequence[int]) -> int:
        """Answer further requests, one for each seed; the number of the first one."""
        first, self._count = self._count, self._count + len(seeds)
        number, left = first, list(seeds)
        for part in memory.parts:
            count = len(part.lengths)
            if own := left[:count]:
                self._waiting.append(Waiting(number, part, 0, own))
            number, left = number + count, left[count:]
        return first

    def advance(self) -> bool:
        """Make one step of every search that is not over; False if none was left."""
        return self._advance(1, unread=0)

    def run(self) -> None:
        """Make all steps that are left; the host looks at some while the next ones are made."""
        while self._advance(CHECKED, unread=1):
            pass

    @calls_torch
    def _advance(self, steps: int, unread: int) -> bool:
        """unread: looks at a batch that may be left for later, while it makes further steps."""
        with self._gpu.launching():
            self._begin(steps)
            for batch in self._batches:
                if batch.steps_left > 0:
                    batch.replay(steps)
        running = self._batches.copy()
        for batch in running:
            while len(batch.looks) > (unread if batch.steps_left > 0 else 0):
                self._collect(batch)
        return bool(running)

    def _begin(self, steps: int) -> None:
        """Give places to those who wait."""
        for batch in self._batches:
            self._fill(batch)
        while self._waiting and self._rows() < MOST_BATCH_ROWS:
            opened = self._open(steps)
            if opened is None:
                return
            self._batches.append(opened)
            self._fill(opened)

    def _rows(self) -> int:
        return sum(batch.shape.places * batch.shape.search.width for batch in self._batches)

    def _open(self, steps: int) -> DecodeBatch | None:
        """A batch for those who wait; None if there is no memory, but another batch runs."""
        while True:
            shape = self._shape(self._waiting[0])
            try:
                batch = self._gpu.decode_batch(shape)
                batch.prepare(steps)
            except torch.OutOfMemoryError as error:
                failed = error.with_traceback(None)  # which holds what was asked for last
            else:
                return batch
            if self._batches:
                return None
            self._gpu.make_room(shape.places, failed)
            self._most = shape.places // 2

    def _shape(self, waiting: Waiting) -> DecodeShape:
        options, width = self._options, self._search.width
        places = bucket(len(waiting.seeds))
        if places * width > MOST_VECTORS:  # rows up to a whole tile cost nothing
            places = max(places, BLOCK_ROWS // width)
        return DecodeShape(
            min(self._most, places),
            bucket(options.max_new_tokens, LEAST_STEPS),
            bucket(waiting.memory.source, LEAST_SOURCE),
            self._search,
            options.repetition_penalty != 1 or options.no_repeat_ngram_size > 0,
        )

    def _fill(self, batch: DecodeBatch) -> None:
        begun = False
        while self._waiting:
            waiting = self._waiting[0]
            places = batch.free_run(len(waiting.seeds))
            count = places.stop - places.start
            if count <= 0 or waiting.memory.source > batch.shape.source:
                break
            batch.fill(places, waiting, self._options)
            begun = True
            self._waiting.popleft()
            if count < len(waiting.seeds):
                self._waiting.appendleft(waiting.after(count))
        if begun:
            batch.send()

    def _collect(self, batch: DecodeBatch) -> None:
        """Read the oldest look; the places of replies that have ended are free."""
        ended = batch.read()
        if not ended:
            return
        found = self._read(batch, [place for place, _ in ended])
        for (place, request), replies in zip(ended, found, strict=True):
            self._replies[request] = replies
            batch.requests[place] = None
        if not any(request is not None for request in batch.requests):
            self._batches.remove(batch)
            batch.looks.clear()  # of steps that nobody needed
            self._gpu.decoders.put(batch)

    def _read(self, batch: DecodeBatch, places: Sequence[int]) -> list[list[Hypothesis]]:
        options, arrays = self._options, batch.arrays
        if batch.record is not None:
            with self._gpu.launching():
                batch.record.receive()
            batch.record.wait()
            arrays = arrays | batch.record.arrays
        found = self._search.results(arrays, places, scored=options.needs_scores)
        return [replies[: options.num_sequences] for replies in found]

    def agreed(self, request: int) -> tuple[int, ...]:
        """The tokens that the final best hypothesis of a request is sure to start with."""
        return self.leader(request).tokens

    def leader(self, request: int) -> Hypothesis:
        """A hypothesis that starts with the agreed tokens, for their log-probabilities."""
        return self.results(request)[0]

    def results(self, request: int) -> list[Hypothesis]:
        """A request's replies so far; while it waits for a place, one without words."""
        if request in self._replies:
            return self._replies[request]
        for batch in self._batches:
            if request in batch.requests:
                return self._read(batch, [batch.requests.index(request)])[0]
        return [Hypothesis()]
