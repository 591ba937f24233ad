"""Greedy and beam search for every peer that is driven step by step.

No more than the workload needs: no reply ends before NEW_TOKENS. On the CPU the likeliest token is
numpy's argmax, which takes 7 us where torch's takes 60; a beam's are torch's log-softmax and topk.
On a GPU everything is chosen there, and the host waits once, for the whole reply.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers.base import Steps, Tokens
from benchmarks.workload import BEAMS, BLOCKED, NEW_TOKENS, Request
from mime_fast.models.base import pad
from mime_fast.text.tokenizer import CLS, SOS


class SearchingPeer(ABC):
    """Subclasses encode, step and select; the state is theirs.

    threads: of torch while this peer runs. A library with threads of its own gives 1: torch's would
    spin on the cores that it needs.
    """

    gives_log_probs = False  # instead of logits

    def __init__(self, threads: int, device: str = "cpu") -> None:
        self.threads, self.device = threads, torch.device(device)
        self.on_host = self.device.type == "cpu"  # tokens are chosen; else see block_specials

    @abstractmethod
    def encode(self, tokens: Tensor, speakers: Tensor, noise: Tensor) -> Any:
        """Ids (rows, source) and noise (rows, latents, noise_dim) -> a state."""

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
        chosen: list[list[int]] = torch.stack(list(self._greedy(requests)), 1).tolist()
        return chosen

    def stream(self, request: Request) -> Iterator[int]:
        for tokens in self._greedy([request]):
            yield int(tokens[0])

    @torch.inference_mode()
    def _greedy(self, requests: Sequence[Request]) -> Iterator[Tensor]:
        state = self.encode_only(requests)
        tokens = torch.full((len(requests),), SOS, device=self.device)
        for position in range(NEW_TOKENS):
            logits, state = self.step(state, tokens, position)
            tokens = self._likeliest(logits)
            yield tokens

    def _likeliest(self, logits: Tensor) -> Tensor:
        """(rows, vocabulary) -> (rows,); writes into the logits."""
        if not self.on_host:
            return logits.argmax(-1)
        self._block(logits)
        return torch.from_numpy(logits.numpy().argmax(-1))

    def _block(self, logits: Tensor) -> None:
        if self.on_host:
            logits.numpy()[:, BLOCKED] = -np.inf

    @torch.inference_mode()
    def beam(self, request: Request) -> Tokens:
        state = self.encode_only([request])
        tokens = torch.full((1,), SOS, device=self.device)
        scores = torch.zeros(1, device=self.device)
        history = torch.empty(1, 0, dtype=torch.long, device=self.device)
        for position in range(NEW_TOKENS):
            logits, state = self.step(state, tokens, position)
            self._block(logits)
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
        return self.encode(*(each.to(self.device) for each in (tokens, speakers, noise)))

    @torch.inference_mode()
    def prepare_steps(self, request: Request, rows: int) -> Steps:
        first = torch.zeros(rows, dtype=torch.long, device=self.device)
        start = self.select(self.encode_only([request]), first)
        tokens = torch.arange(CLS + 1, CLS + 1 + rows, device=self.device)

        @torch.inference_mode()
        def run() -> Tensor:
            torch.set_num_threads(self.threads)
            state = start
            for position in range(NEW_TOKENS):
                logits, state = self.step(state, tokens, position)
            return logits

        return run
