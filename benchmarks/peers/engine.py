"""An engine of ours behind the methods of a peer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.peers.base import Steps, Tokens
from benchmarks.workload import BEAM, GREEDY, NEW_TOKENS, Request
from mime_fast.config import GenerationConfig
from mime_fast.engines.base import DecodingSession, EncoderBatch, Engine
from mime_fast.text.tokenizer import CLS
from mime_fast.types import FloatArray


class EnginePeer:
    """Any Engine; with `eager`, the reference that every exact peer must agree with."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def greedy(self, request: Request) -> Tokens:
        return self.batch([request])[0]

    def beam(self, request: Request) -> Tokens:
        return self._run([request], BEAM)[0]

    def batch(self, requests: Sequence[Request]) -> list[Tokens]:
        return self._run(requests, GREEDY)

    def stream(self, request: Request) -> Iterator[int]:
        decoding = self._decode([request], GREEDY)
        while decoding.advance():
            yield decoding.leader(0).tokens[-1]

    def encode_only(self, requests: Sequence[Request]) -> EncoderBatch:
        noise = np.stack([request.noise for request in requests])
        return self.engine.encode([request.dialogue for request in requests], noise, None)

    def prepare_steps(self, request: Request, rows: int) -> Steps:
        engine, encoded = self.engine, self.encode_only([request])
        tokens = np.arange(CLS + 1, CLS + 1 + rows)

        def run() -> FloatArray:
            state = engine.start(encoded, [0] * rows)
            for _ in range(NEW_TOKENS):
                logits = engine.step(state, tokens)
            return logits

        return run

    def _decode(self, requests: Sequence[Request], options: GenerationConfig) -> DecodingSession:
        return self.engine.decode(self.encode_only(requests), options, [0] * len(requests))

    def _run(self, requests: Sequence[Request], options: GenerationConfig) -> list[Tokens]:
        decoding = self._decode(requests, options)
        decoding.run()
        return [list(decoding.results(index)[0].tokens) for index in range(len(requests))]
