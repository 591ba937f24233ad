"""Metrics for Prometheus, with vLLM's names where they fit.

No label is made of what a client sends.
"""

from __future__ import annotations

import os
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from mime_fast.server.workers import MULTIPROCESS
from mime_fast.service import DraftCount
from mime_fast.text.crisis import CATEGORIES
from mime_fast.types import FinishReason, Response

PREFIX = "mime_fast"
# Seconds. A reply takes 1.5 ms on one thread.
BUCKETS = (
    *(0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
)
TOKEN_BUCKETS = tuple(bucket / 10 for bucket in BUCKETS)
REFUSALS = ("queue_full", "deadline_exceeded", "draining", "too_many_connections")


class Metrics:
    """What one process counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.running = self._gauge("num_requests_running", "Requests that are decoded.")
        self.waiting = self._gauge("num_requests_waiting", "Requests that wait.")
        self.first_token = self._histogram(
            "time_to_first_token_seconds", "Of streams: from the request to its first piece."
        )
        self.inter_token = self._histogram(
            "inter_token_latency_seconds", "Of streams: between pieces, by token.", TOKEN_BUCKETS
        )
        self.latency = self._histogram(
            "e2e_request_latency_seconds", "From the request to the end of its reply."
        )
        self.prompt_tokens = self._counter("prompt_tokens", "Tokens of contexts.")
        self.generation_tokens = self._counter("generation_tokens", "Tokens of replies.")
        self.draft_tokens = self._counter(
            "spec_decode_num_draft_tokens", "Tokens of replies that were drafted."
        )
        self.accepted_tokens = self._counter(
            "spec_decode_num_accepted_tokens", "Drafted tokens that were right."
        )
        self._drafts = DraftCount()  # those that were counted
        self.disconnects = self._counter(
            "request_disconnects", "Requests whose client closed the connection; they were ended."
        )
        self.slow_readers = self._counter(
            "slow_readers", "Connections that were cut because the client did not read."
        )
        self.failures = self._counter("request_failures", "Requests that failed by our fault.")
        self.success = self._counters(
            "request_success",
            "Requests that were answered.",
            "finished_reason",
            get_args(FinishReason),
        )
        self.refused = self._counters(
            "requests_refused", "Requests that were not begun.", "reason", REFUSALS
        )
        self.crises = self._counters(
            "crisis_signals", "Signals of a crisis.", "category", tuple(CATEGORIES)
        )

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, registry=self.registry, multiprocess_mode="livesum")

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...] = BUCKETS) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", text, registry=self.registry, buckets=buckets)

    def _counters(
        self, name: str, text: str, label: str, values: tuple[str, ...]
    ) -> dict[str, Counter]:
        """A counter of each value, all of which are shown from the start."""
        counter = Counter(f"{PREFIX}_{name}", text, [label], registry=self.registry)
        return {value: counter.labels(value) for value in values}

    def answered(self, response: Response, seconds: float) -> None:
        """Count a reply."""
        self.latency.observe(seconds)
        self.prompt_tokens.inc(response.prompt_tokens)
        self.generation_tokens.inc(sum(len(each.tokens) for each in response.candidates))
        self.success[response.finish_reason].inc()
        if response.crisis is not None:
            self.crises[response.crisis.category].inc()

    def count_drafts(self, drafts: DraftCount) -> None:
        """Count the drafts of the service since the last call."""
        if drafts.drafted < self._drafts.drafted:  # a service that was made anew
            self._drafts = DraftCount()
        self.draft_tokens.inc(drafts.drafted - self._drafts.drafted)
        self.accepted_tokens.inc(drafts.accepted - self._drafts.accepted)
        self._drafts = drafts

    def text(self) -> bytes:
        """All metrics, of all processes, in Prometheus's format."""
        registry = self.registry
        if MULTIPROCESS in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
