"""An engine of ours behind the methods of a peer, driven by our own search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.peers.base import Step, Tokens
from benchmarks.workload import BEAM, GREEDY, Request
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import Encoded, Engine
from mime_fast.search import BeamSearch, Sampler, Search, decode
from mime_fast.search.constraints import Constraints
from mime_fast.text.tokenizer import CLS


class EnginePeer:
    """Any Engine; with `eager`, the reference that every exact peer must agree with."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def greedy(self, request: Request) -> Tokens:
        return self.batch([request])[0]

    def beam(self, request: Request) -> Tokens:
        (search,) = self._searches([request], BEAM)
        self._run([request], [search])
        return list(search.results()[0].tokens)

    def batch(self, requests: Sequence[Request]) -> list[Tokens]:
        searches = self._searches(requests, GREEDY)
        self._run(requests, searches)
        return [list(search.results()[0].tokens) for search in searches]

    def stream(self, request: Request) -> Iterator[int]:
        (search,) = self._searches([request], GREEDY)
        for _ in decode(self.engine, self.encode_only([request]), [search]):
            yield search.leader.tokens[-1]

    def encode_only(self, requests: Sequence[Request]) -> Encoded:
        noise = np.stack([request.noise for request in requests])
        return self.engine.encode([request.dialogue for request in requests], noise, None)

    def prepare_step(self, request: Request, rows: int) -> Step:
        engine = self.engine
        state = engine.start(self.encode_only([request]), [0] * rows)
        tokens = np.arange(CLS + 1, CLS + 1 + rows)
        for _ in range(3):
            engine.step(state, tokens)
        keep = np.arange(rows)
        return lambda: engine.step(engine.select(state, keep), tokens)

    def _searches(self, requests: Sequence[Request], options: GenerationConfig) -> list[Search]:
        constraints, sampling = Constraints(options), self.engine.sampling
        if options.num_beams > 1:
            return [BeamSearch(options, sampling, constraints) for _ in requests]
        return [Sampler(options, 0, sampling, constraints) for _ in requests]

    def _run(self, requests: Sequence[Request], searches: Sequence[Search]) -> None:
        for _ in decode(self.engine, self.encode_only(requests), searches):
            pass
