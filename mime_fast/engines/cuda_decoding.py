"""Decoding on a device: rows in buffers that stay, steps that are recorded, a host that waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mime_fast.config import GenerationConfig
from mime_fast.engines.cuda_memory import Block, Graph, bucket
from mime_fast.engines.cuda_search import DeviceSearch
from mime_fast.kernels.decode_step import Caches, decode_step
from mime_fast.kernels.project import BLOCK_ROWS, Best, project
from mime_fast.kernels.replies import Replies
from mime_fast.search.hypothesis import Hypothesis
from mime_fast.text.special import EOS

if TYPE_CHECKING:
    from mime_fast.engines.cuda import CudaEngine, CudaMemory

CHECKED = 8  # steps between two looks at whether replies have ended; rows that have cost nothing
MOST_ROWS = 512  # decoded together; further requests follow
LEAST_STEPS, LEAST_SOURCE = 32, 32


class DecodeShape(NamedTuple):
    """What buffers are made for, and what launches are recorded for."""

    requests: int
    steps: int
    source: int
    search: DeviceSearch
    constrained: bool


class DecodeBatch:
    """Buffers of one shape; the rows of request r are r * width and following."""

    def __init__(self, engine: CudaEngine, shape: DecodeShape) -> None:
        self.shape, self._engine = shape, engine
        config, device = engine.config, engine.device
        rows = shape.requests * shape.search.width
        self.control = Block(
            {
                "said": ("int32", (rows, shape.steps + 1)),
                "positions": ("int32", (rows,)),
                "limits": ("int32", (rows, 3)),
                "penalties": ("float32", (rows,)),
                "sources": ("int32", (rows,)),
                "lengths": ("int32", (shape.requests,)),
                **shape.search.fields(shape.requests, shape.steps),
            },
            device,
        )
        self.tensors = t = self.control.tensors
        self.replies = Replies(t["said"], t["positions"], t["limits"], t["penalties"])

        def cache(size: int) -> Tensor:
            return torch.empty(config.num_layers, shape.steps, rows, size, device=device)

        self.caches = Caches(
            sources=t["sources"],
            slots=torch.zeros(rows, shape.steps, dtype=torch.int32, device=device),
            keys_values=cache(2 * config.key_dim),
            inner=cache(config.hidden_dim),
            outer=cache(config.filter_dim),
            cross=torch.empty(
                config.num_layers, shape.requests, shape.source, 2 * config.key_dim, device=device
            ),
            lengths=t["lengths"],
        )
        self._arrived = torch.zeros(-(-rows // BLOCK_ROWS), dtype=torch.int32, device=device)
        self._hidden = torch.empty(0, device=device)
        self._graphs: dict[int, Graph] = {}

    def fill(
        self, memory: CudaMemory, first: int, options: GenerationConfig, seeds: Sequence[int]
    ) -> None:
        """Begin the replies to requests `first` and following, one for each seed."""
        self.control.wait()
        arrays, width, count = self.control.arrays, self.shape.search.width, len(seeds)
        for array in arrays.values():
            array[...] = 0
        arrays["limits"][...] = (
            options.max_new_tokens, options.min_new_tokens, options.no_repeat_ngram_size
        )  # fmt: skip
        arrays["penalties"][...] = options.repetition_penalty
        arrays["sources"][...] = np.arange(len(arrays["sources"])) // width
        arrays["lengths"][:count] = memory.lengths[first : first + count]
        self.shape.search.fill(arrays, options, seeds)
        self.control.upload()
        longest = memory.cross.shape[2]
        self.caches.cross[:, :count, :longest] = memory.cross[:, first : first + count]

    def prepare(self, steps: int) -> None:
        """Record the launches of so many steps; no row may be active."""
        if steps not in self._graphs:
            self._graphs[steps] = Graph(lambda: self._launch(steps), self._engine.device)

    def replay(self, steps: int) -> None:
        """Make so many steps of what was begun; then see control.wait()."""
        if steps in self._graphs:
            self._graphs[steps].replay()
        else:  # begun by another number
            self._launch(steps)
        self.control.download()

    def _launch(self, steps: int) -> None:
        for _ in range(steps):
            self._step()

    def _step(self) -> None:
        decoder, heads = self._engine.weights.decoder, self._engine.config.num_heads
        self._hidden = decode_step(self.replies, self.caches, decoder, heads, EOS)
        self.shape.search.step(self)

    def project(self, logits: Tensor | None = None, log_probs: Tensor | None = None) -> Best:
        """See Rows.project."""
        weights = self._engine.weights
        return project(
            self._hidden,
            weights.projection,
            weights.reply_bias,
            self.replies,
            end_word=EOS,
            kept=self.shape.search.kept,
            constrained=self.shape.constrained,
            logits=logits,
            log_probs=log_probs,
            arrived=self._arrived,
        )

    def new_logits(self) -> Tensor:
        """See Rows.new_logits."""
        vocabulary = self._engine.config.vocab_size
        return torch.empty(len(self.replies.said), vocabulary, device=self._engine.device)

    @property
    def stream(self) -> int:
        """See Rows.stream."""
        if self._engine.device.type != "cuda":
            return 0
        return torch.cuda.current_stream().cuda_stream


class DeviceDecoding:
    """Replies to any number of requests, as many at a time as there is room for."""

    def __init__(
        self,
        engine: CudaEngine,
        memory: CudaMemory,
        options: GenerationConfig,
        seeds: Sequence[int],
        search: DeviceSearch,
    ) -> None:
        self._engine, self._memory, self._search = engine, memory, search
        self._options, self._seeds = options, seeds
        self._replies: list[list[Hypothesis]] = []  # of the requests that are over
        self._batch: DecodeBatch | None = None
        self._most = max(1, MOST_ROWS // search.width)  # requests decoded together

    def advance(self) -> bool:
        """See Decoding.advance."""
        return self._advance(1)

    def run(self) -> None:
        """See Decoding.run."""
        while self._advance(CHECKED):
            pass

    def _advance(self, steps: int) -> bool:
        batch = self._batch or self._begin(steps)
        if batch is None:
            return False
        with self._engine.launching():
            batch.replay(steps)
        batch.control.wait()
        if self._search.is_over(batch.control.arrays, self._count):
            self._replies += [self._read(batch, index) for index in range(self._count)]
            self._engine.idle.put(batch)
            batch = None
        self._batch = batch
        return True

    def _begin(self, steps: int) -> DecodeBatch | None:
        """The next requests; half as many where there is no memory for them."""
        while waiting := len(self._seeds) - len(self._replies):
            self._count = min(self._most, waiting)
            try:
                return self._fill(steps)
            except torch.OutOfMemoryError as error:
                self._engine.make_room(self._count, error)
                self._most = self._count // 2
        return None

    def _fill(self, steps: int) -> DecodeBatch:
        first = len(self._replies)
        with self._engine.launching():
            batch = self._engine.decode_batch(self._shape(self._count))
            batch.prepare(steps)
            seeds = self._seeds[first : first + self._count]
            batch.fill(self._memory, first, self._options, seeds)
        return batch

    def _shape(self, requests: int) -> DecodeShape:
        options = self._options
        return DecodeShape(
            bucket(requests),
            bucket(options.max_new_tokens, LEAST_STEPS),
            bucket(self._memory.cross.shape[2], LEAST_SOURCE),
            self._search,
            options.repetition_penalty != 1 or options.no_repeat_ngram_size > 0,
        )

    def _read(self, batch: DecodeBatch, index: int) -> list[Hypothesis]:
        options = self._options
        found = self._search.results(batch.control.arrays, index)[: options.num_return_sequences]
        if options.needs_scores:
            return found
        return [Hypothesis(reply.tokens, 0.0, (0.0,) * len(reply.tokens)) for reply in found]

    def agreed(self, request: int) -> tuple[int, ...]:
        """See Decoding.agreed."""
        return self.leader(request).tokens

    def leader(self, request: int) -> Hypothesis:
        """See Decoding.leader."""
        return self.results(request)[0]

    def results(self, request: int) -> list[Hypothesis]:
        """See Decoding.results. Of a request that has not begun, a reply without words."""
        index = request - len(self._replies)
        if index < 0:
            return self._replies[request]
        if self._batch is None or index >= self._count:
            return [Hypothesis()]
        return self._read(self._batch, index)
