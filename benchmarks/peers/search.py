"""Greedy and beam search for every peer that is driven step by step.

No more than the workload needs: no reply ends before NEW_TOKENS. The likeliest token is numpy's
argmax, which takes 7 us where torch's takes 60; a beam's are torch's log-softmax and topk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.peers.base import Steps, Tokens
from benchmarks.workload import BEAMS, BLOCKED, NEW_TOKENS, Request
from mime_fast.models.mime import pad
from mime_fast.text.tokenizer import CLS, SOS


class SearchingPeer(ABC):
    """Subclasses encode, step and select; the state is theirs.

    threads: of torch while this peer runs. A library with threads of its own gives 1: torch's would
    spin on the cores that it needs.
    """

    gives_log_probs = False  # instead of logits

    def __init__(self, threads: int) -> None:
        self.threads = threads

    @abstractmethod
    def encode(self, tokens: Tensor, speakers: Tensor, noise: Tensor) -> Any:
        """Ids (rows, source) and noise (rows, 2, latent) -> a state before the first step."""

    @abstractmethod
    def step(self, state: Any, tokens: Tensor, position: int) -> tuple[Tensor, Any]:
        """Ids (rows,) -> logits or log-probabilities (rows, vocabulary), and the next state."""

    @abstractmethod
    def select(self, state: Any, rows: Tensor) -> Any:
        """The state of these rows, in this order."""

    def greedy(self, request: Request) -> Tokens:
        return self.batch([request])[0]

    @torch.inference_mode()
    def batch(self, requests: Sequence[Request]) -> list[Tokens]:
        chosen: list[list[int]] = np.stack(list(self._greedy(requests)), 1).tolist()
        return chosen

    def stream(self, request: Request) -> Iterator[int]:
        for tokens in self._greedy([request]):
            yield int(tokens[0])

    @torch.inference_mode()
    def _greedy(self, requests: Sequence[Request]) -> Iterator[NDArray[np.int64]]:
        state = self.encode_only(requests)
        tokens = np.full(len(requests), SOS)
        for position in range(NEW_TOKENS):
            logits, state = self.step(state, torch.from_numpy(tokens), position)
            row = logits.numpy()
            row[:, BLOCKED] = -np.inf
            tokens = row.argmax(-1)
            yield tokens

    @torch.inference_mode()
    def beam(self, request: Request) -> Tokens:
        state = self.encode_only([request])
        tokens, scores = torch.tensor([SOS]), torch.zeros(1)
        history = torch.empty(1, 0, dtype=torch.long)
        for position in range(NEW_TOKENS):
            logits, state = self.step(state, tokens, position)
            logits.numpy()[:, BLOCKED] = -np.inf
            log_probs = logits if self.gives_log_probs else logits.log_softmax(-1)
            totals = log_probs + scores[:, None]
            scores, flat = totals.flatten().topk(BEAMS)
            parents, tokens = flat // totals.shape[1], flat % totals.shape[1]
            history = torch.cat([history[parents], tokens[:, None]], 1)
            state = self.select(state, parents)
        best: list[int] = history[0].tolist()
        return best

    @torch.inference_mode()
    def encode_only(self, requests: Sequence[Request]) -> Any:
        torch.set_num_threads(self.threads)
        tokens = pad([request.dialogue.tokens for request in requests])
        speakers = pad([request.dialogue.speakers for request in requests])
        noise = torch.from_numpy(np.stack([request.noise for request in requests]))
        return self.encode(tokens, speakers, noise)

    @torch.inference_mode()
    def prepare_steps(self, request: Request, rows: int) -> Steps:
        start = self.select(self.encode_only([request]), torch.zeros(rows, dtype=torch.long))
        tokens = torch.arange(CLS + 1, CLS + 1 + rows)

        @torch.inference_mode()
        def run() -> Tensor:
            torch.set_num_threads(self.threads)
            state = start
            for position in range(NEW_TOKENS):
                logits, state = self.step(state, tokens, position)
            return logits

        return run
