"""The measurement of AsyncGenerator refuses a wrong reply, and counts what it says it counts."""

import asyncio
import time
from pathlib import Path

import pytest

from benchmarks.service import load
from benchmarks.service.direct import measure_cost
from benchmarks.service.soak import soak
from benchmarks.service.wake import measure_wakes
from mime_fast import Generator


@pytest.fixture(scope="module")
def generator(tiny_checkpoint: Path) -> Generator:
    return Generator(tiny_checkpoint)


def test_both_ways_are_measured(generator: Generator) -> None:
    asked = load.ask_first(generator, ["I lost my dog", "we won!"])
    loads = load.measure_load(generator, asked, clients=3, seconds=0.05, rounds=2)
    assert [each.way for each in loads] == list(load.WAYS)
    for each in loads:
        assert each.replies_a_second > 0
        assert 0 < each.p50_ms <= each.p99_ms


def test_a_wrong_reply_has_no_time(generator: Generator) -> None:
    (asked,) = load.ask_first(generator, ["I lost my dog"])
    wrong = [asked._replace(expected="wrong")]
    for run in (load.run_service, load.run_threads):
        with pytest.raises(ValueError, match="instead of 'wrong'"):
            run(generator, wrong, 1, time.perf_counter())


def test_the_cost_is_measured_in_turns(generator: Generator) -> None:
    cost = asyncio.run(measure_cost(generator, ["I lost my dog"], 1))
    assert min(cost.direct, cost.service) > 0


def test_the_cost_of_waking_is_measured() -> None:
    assert measure_wakes(5) > 0


def test_a_soak_counts_its_requests() -> None:
    found = asyncio.run(soak(0.3))
    assert found.requests > found.cancelled
    assert len(found.memory_mb) == 10
    assert min(found.memory_mb) > 0
